// librados, found when the first home in Ceph is opened: one binary runs on machines with Ceph's
// client libraries and on machines without (docs/decisions/0016). Only the C interface is used; it
// has kept its ABI since librados.so.2 began.
//
// Thread rule: any thread. A library once loaded stays loaded.
#pragma once

#include <rados/librados.h>

#include "base/result.h"

namespace cairn::storage {

inline constexpr const char* kRadosLibraryName = "librados.so.2";

// The functions that are used, by their names without "rados_".
struct RadosLibrary {
  decltype(&::rados_create2) create2 = nullptr;
  decltype(&::rados_conf_read_file) conf_read_file = nullptr;
  decltype(&::rados_conf_set) conf_set = nullptr;
  decltype(&::rados_connect) connect = nullptr;
  decltype(&::rados_shutdown) shutdown = nullptr;
  decltype(&::rados_mon_command) mon_command = nullptr;
  decltype(&::rados_buffer_free) buffer_free = nullptr;
  decltype(&::rados_ioctx_create) ioctx_create = nullptr;
  decltype(&::rados_ioctx_destroy) ioctx_destroy = nullptr;
  decltype(&::rados_ioctx_set_namespace) ioctx_set_namespace = nullptr;
  decltype(&::rados_aio_create_completion2) aio_create_completion2 = nullptr;
  decltype(&::rados_aio_get_return_value) aio_get_return_value = nullptr;
  decltype(&::rados_aio_get_version) aio_get_version = nullptr;
  decltype(&::rados_aio_release) aio_release = nullptr;
  decltype(&::rados_create_write_op) create_write_op = nullptr;
  decltype(&::rados_release_write_op) release_write_op = nullptr;
  decltype(&::rados_write_op_create) write_op_create = nullptr;
  decltype(&::rados_write_op_write_full) write_op_write_full = nullptr;
  decltype(&::rados_write_op_setxattr) write_op_setxattr = nullptr;
  decltype(&::rados_write_op_rmxattr) write_op_rmxattr = nullptr;
  decltype(&::rados_write_op_remove) write_op_remove = nullptr;
  decltype(&::rados_write_op_assert_exists) write_op_assert_exists = nullptr;
  decltype(&::rados_write_op_assert_version) write_op_assert_version = nullptr;
  decltype(&::rados_write_op_cmpxattr) write_op_cmpxattr = nullptr;
  decltype(&::rados_write_op_set_alloc_hint2) write_op_set_alloc_hint2 = nullptr;
  decltype(&::rados_aio_write_op_operate) aio_write_op_operate = nullptr;
  decltype(&::rados_create_read_op) create_read_op = nullptr;
  decltype(&::rados_release_read_op) release_read_op = nullptr;
  decltype(&::rados_read_op_read) read_op_read = nullptr;
  decltype(&::rados_read_op_getxattrs) read_op_getxattrs = nullptr;
  decltype(&::rados_read_op_stat) read_op_stat = nullptr;
  decltype(&::rados_aio_read_op_operate) aio_read_op_operate = nullptr;
  decltype(&::rados_getxattrs_next) getxattrs_next = nullptr;
  decltype(&::rados_getxattrs_end) getxattrs_end = nullptr;
  decltype(&::rados_nobjects_list_open) nobjects_list_open = nullptr;
  decltype(&::rados_nobjects_list_next) nobjects_list_next = nullptr;
  decltype(&::rados_nobjects_list_close) nobjects_list_close = nullptr;
};

// kUnsupported when the library is not to be had; the message says which package brings it.
Result<RadosLibrary> load_rados_library(const char* name);
// The same for kRadosLibraryName, once per process. The library is never null.
Result<const RadosLibrary*> rados_library();

}  // namespace cairn::storage
