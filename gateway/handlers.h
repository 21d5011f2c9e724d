// What the routes of gateway buckets do. As in s3/handlers.h: a handler that fails after its reply
// began returns success without finishing it, which cuts the connection.
#pragma once

#include "gateway/served.h"

namespace cairn::gateway::handlers {

// handlers_read.cc
Reply get_object(Served& served);
Reply head_object(Served& served);
// handlers_pass.cc: asked of the upstream, and its answer passed on with names that are ours.
Reply list_objects(Served& served);
Reply list_versions(Served& served);
Reply list_uploads(Served& served);
Reply list_parts(Served& served);
Reply get_attributes(Served& served);
Reply get_object_acl(Served& served);
Reply put_object_acl(Served& served);
Reply pass_read(Served& served);    // A small answer without names.
Reply pass_change(Served& served);  // The same for a change of one object, with its document.
Reply pass_bucket_change(Served& served);  // And of the bucket, where it is the upstream's whole.
Reply create_upload(Served& served);
Reply complete_upload(Served& served);
// handlers_write.cc
Reply put_object(Served& served);
Reply upload_part(Served& served);
// handlers_delete.cc
Reply delete_object(Served& served);
Reply delete_objects(Served& served);
// handlers_copy.cc
Reply copy_object(Served& served);
Reply copy_part(Served& served);

}  // namespace cairn::gateway::handlers
