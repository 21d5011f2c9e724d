// The handlers that routes name. Each serves one request of which the door has checked route,
// signature, bucket and right; what it returns as an error, the door renders. Once a reply has been
// started, a handler that fails returns success without finishing it: the connection is then cut,
// so that the client sees a short body, never a wrong one.
#pragma once

#include "io/task.h"
#include "s3/call.h"
#include "s3/errors.h"

namespace cairn::s3::handlers {

using Reply = io::Task<S3Status>;

// handlers_bucket.cc
Reply list_buckets(Call& call);
Reply create_bucket(Call& call);
Reply head_bucket(Call& call);
Reply get_bucket_location(Call& call);
Reply delete_bucket(Call& call);

// handlers_config.cc: configurations that this server never has set.
Reply not_implemented(Call& call);
// 404 with the code that says that this configuration is not set.
Reply unset(Call& call, S3Code code);
template <S3Code code>
Reply unset_configuration(Call& call) {
  return unset(call, code);
}

// handlers_acl.cc
Reply get_bucket_acl(Call& call);
Reply put_bucket_acl(Call& call);
Reply get_object_acl(Call& call);
Reply put_object_acl(Call& call);

// handlers_access.cc
Reply get_bucket_policy(Call& call);
Reply put_bucket_policy(Call& call);
Reply delete_bucket_policy(Call& call);
Reply get_bucket_policy_status(Call& call);
Reply get_public_access_block(Call& call);
Reply put_public_access_block(Call& call);
Reply delete_public_access_block(Call& call);
Reply get_ownership_controls(Call& call);
Reply put_ownership_controls(Call& call);
Reply delete_ownership_controls(Call& call);

// handlers_list.cc
Reply list_objects(Call& call);  // v1, and v2 when list-type=2.
Reply list_object_versions(Call& call);

// handlers_read.cc
Reply get_object(Call& call);
Reply head_object(Call& call);
Reply get_object_attributes(Call& call);

// handlers_write.cc
Reply put_object(Call& call);
Reply upload_part(Call& call);
Reply refuse_part_parameters(Call& call);  // partNumber without uploadId, or the reverse.

// handlers_post.cc
Reply post_object(Call& call);

// handlers_rename.cc
Reply rename_object(Call& call);
Reply restore_object(Call& call);

// handlers_object_config.cc
Reply get_object_tagging(Call& call);
Reply put_object_tagging(Call& call);
Reply delete_object_tagging(Call& call);
Reply get_object_retention(Call& call);
Reply put_object_retention(Call& call);
Reply get_object_legal_hold(Call& call);
Reply put_object_legal_hold(Call& call);

// handlers_delete.cc
Reply delete_object(Call& call);
Reply delete_objects(Call& call);

// handlers_copy.cc
Reply copy_object(Call& call);
Reply upload_part_copy(Call& call);

// handlers_multipart.cc
Reply create_multipart_upload(Call& call);
Reply complete_multipart_upload(Call& call);
Reply abort_multipart_upload(Call& call);
Reply list_parts(Call& call);
Reply list_multipart_uploads(Call& call);

}  // namespace cairn::s3::handlers
