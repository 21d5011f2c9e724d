#include "storage/rados/library.h"

#include <dlfcn.h>

namespace cairn::storage {

Result<RadosLibrary> load_rados_library(const char* name) {
  void* const handle = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* const why = ::dlerror();
    return fail(Code::kUnsupported,
                std::string("a home in Ceph needs the library ") + name +
                    ", which cannot be loaded: install Debian's package librados2 (" +
                    (why != nullptr ? why : "no reason is given") + ")");
  }
  RadosLibrary library;
  const char* missing = nullptr;
  const auto find = [&](const char* symbol, auto& function) {
    void* const found = ::dlsym(handle, symbol);
    if (found == nullptr) missing = symbol;
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(found);
  };
  find("rados_create2", library.create2);
  find("rados_conf_read_file", library.conf_read_file);
  find("rados_conf_set", library.conf_set);
  find("rados_connect", library.connect);
  find("rados_shutdown", library.shutdown);
  find("rados_mon_command", library.mon_command);
  find("rados_buffer_free", library.buffer_free);
  find("rados_ioctx_create", library.ioctx_create);
  find("rados_ioctx_destroy", library.ioctx_destroy);
  find("rados_ioctx_set_namespace", library.ioctx_set_namespace);
  find("rados_aio_create_completion2", library.aio_create_completion2);
  find("rados_aio_get_return_value", library.aio_get_return_value);
  find("rados_aio_get_version", library.aio_get_version);
  find("rados_aio_release", library.aio_release);
  find("rados_create_write_op", library.create_write_op);
  find("rados_release_write_op", library.release_write_op);
  find("rados_write_op_create", library.write_op_create);
  find("rados_write_op_write_full", library.write_op_write_full);
  find("rados_write_op_setxattr", library.write_op_setxattr);
  find("rados_write_op_rmxattr", library.write_op_rmxattr);
  find("rados_write_op_remove", library.write_op_remove);
  find("rados_write_op_assert_exists", library.write_op_assert_exists);
  find("rados_write_op_assert_version", library.write_op_assert_version);
  find("rados_write_op_cmpxattr", library.write_op_cmpxattr);
  find("rados_write_op_set_alloc_hint2", library.write_op_set_alloc_hint2);
  find("rados_aio_write_op_operate", library.aio_write_op_operate);
  find("rados_create_read_op", library.create_read_op);
  find("rados_release_read_op", library.release_read_op);
  find("rados_read_op_read", library.read_op_read);
  find("rados_read_op_getxattrs", library.read_op_getxattrs);
  find("rados_read_op_stat", library.read_op_stat);
  find("rados_aio_read_op_operate", library.aio_read_op_operate);
  find("rados_getxattrs_next", library.getxattrs_next);
  find("rados_getxattrs_end", library.getxattrs_end);
  find("rados_nobjects_list_open", library.nobjects_list_open);
  find("rados_nobjects_list_next", library.nobjects_list_next);
  find("rados_nobjects_list_close", library.nobjects_list_close);
  if (missing != nullptr) {
    return fail(Code::kUnsupported, std::string(name) + " has no function " + missing +
                                        ": a home in Ceph needs librados of Ceph 12 or newer");
  }
  return library;
}

Result<const RadosLibrary*> rados_library() {
  static const Result<RadosLibrary> library = load_rados_library(kRadosLibraryName);
  if (!library) return std::unexpected(library.error());
  return &*library;
}

}  // namespace cairn::storage
