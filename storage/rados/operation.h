// RadosWrite: what one atomic operation does to one object. All of it happens or nothing does.
//
// The bytes given to it are copied by librados, so they need not outlive the call: an operation
// that timed out may still be on its way. Thread rule: one thread at a time.
#pragma once

#include <string>
#include <utility>

#include "base/bytes.h"
#include "storage/rados/library.h"

namespace cairn::storage {

class RadosWrite {
 public:
  explicit RadosWrite(const RadosLibrary& library)
      : library_(&library), operation_(library.create_write_op()) {}
  RadosWrite(RadosWrite&& other) noexcept
      : library_(other.library_), operation_(std::exchange(other.operation_, nullptr)) {}
  RadosWrite& operator=(RadosWrite&&) = delete;
  ~RadosWrite() {
    if (operation_ != nullptr) library_->release_write_op(operation_);
  }

  // Conditions, checked in order: -EEXIST, -ENOENT, -ERANGE or -EOVERFLOW, -ECANCELED.
  RadosWrite& create_new() {
    library_->write_op_create(operation_, LIBRADOS_CREATE_EXCLUSIVE, nullptr);
    return *this;
  }
  RadosWrite& must_exist() {
    library_->write_op_assert_exists(operation_);
    return *this;
  }
  RadosWrite& must_have_version(uint64_t version) {
    library_->write_op_assert_version(operation_, version);
    return *this;
  }
  RadosWrite& must_have_attribute(const std::string& name, BytesView value) {
    library_->write_op_cmpxattr(operation_, name.c_str(), LIBRADOS_CMPXATTR_OP_EQ, chars(value),
                                value.size());
    return *this;
  }

  // The whole content of an object that is written once; ciphertext does not compress.
  RadosWrite& content(BytesView bytes) {
    library_->write_op_set_alloc_hint2(operation_, bytes.size(), bytes.size(), kHints);
    library_->write_op_write_full(operation_, chars(bytes), bytes.size());
    return *this;
  }
  RadosWrite& set_attribute(const std::string& name, BytesView value) {
    library_->write_op_setxattr(operation_, name.c_str(), chars(value), value.size());
    return *this;
  }
  RadosWrite& remove_attribute(const std::string& name) {
    library_->write_op_rmxattr(operation_, name.c_str());
    return *this;
  }
  RadosWrite& remove() {
    library_->write_op_remove(operation_);
    return *this;
  }

  rados_write_op_t get() const { return operation_; }

 private:
  static constexpr uint32_t kHints =
      LIBRADOS_ALLOC_HINT_FLAG_SEQUENTIAL_WRITE | LIBRADOS_ALLOC_HINT_FLAG_RANDOM_READ |
      LIBRADOS_ALLOC_HINT_FLAG_IMMUTABLE | LIBRADOS_ALLOC_HINT_FLAG_INCOMPRESSIBLE;
  static const char* chars(BytesView bytes) { return reinterpret_cast<const char*>(bytes.data()); }

  const RadosLibrary* library_;
  rados_write_op_t operation_;
};

}  // namespace cairn::storage
