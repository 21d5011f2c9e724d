// What handlers of the door share: the upload that a request names, and replies.
#pragma once

#include <string>

#include "native/guest.h"
#include "object/native_upload.h"
#include "s3/call.h"
#include "s3/errors.h"

namespace cairn::native {

// The server's native uploads. NotImplemented where its objects have none.
s3::S3Result<object::NativeUploads*> uploads_of(const s3::Call& call);
// The upload that ?session names. NoSuchUpload.
io::Task<s3::S3Result<object::UploadInfo>> open_session(const s3::Call& call);
// As s3::translate(), and what only this door can fail with.
s3::S3Error error_in_words(const s3::Call& call, const Error& error);
template <typename T>
s3::S3Result<T> in_words(const s3::Call& call, Result<T> result) {
  if (!result) return std::unexpected(error_in_words(call, result.error()));
  if constexpr (std::is_void_v<T>) {
    return {};
  } else {
    return std::move(*result);
  }
}
// 200 with a message of the protocol.
io::Task<s3::S3Status> respond_message(s3::Call& call, std::string body);

}  // namespace cairn::native
