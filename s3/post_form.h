// The steps of a POST upload (S3.md 1.5) between its form and the object: who signed it, what its
// fields ask for, and the file on its way into the writer's memory.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "http/server.h"
#include "io/task.h"
#include "object/objects.h"
#include "s3/call.h"
#include "s3/form_reader.h"
#include "s3/post_policy.h"

namespace cairn::s3 {

// The value of the field of that lower-case name; nullptr when there is none.
const std::string* find_field(const std::vector<FormField>& fields, std::string_view name);

// Puts the file's name in the place of ${filename} in every field that is not part of the
// signature. MaxPostPreDataLengthExceeded when that makes the fields longer than a form may be.
S3Status substitute_file_name(std::vector<FormField>& fields, std::string_view file_name);

// The fields that sign a form. An empty one is a missing one, but an empty policy.
// Unset: the form is not signed. InvalidArgument when some are there and others are missing.
S3Result<std::optional<Authenticator::PostForm>> signature_fields(
    const std::vector<FormField>& fields);

// Makes `call.headers` what a PutObject of the same object would have sent: fields that are headers
// of PutObject, `acl` as x-amz-acl, and of the request's own headers those that describe the
// client. `fields` moves into the call.
// MalformedXML or InvalidTag of the Tagging document in `tagging`, which becomes x-amz-tagging.
S3Status use_fields_as_headers(Call& call, std::vector<FormField> fields);

// Reads the body up to the file, or to its end where there is none. What was read of the file
// already is returned.
io::Task<S3Result<Bytes>> read_form_head(Call& call, FormReader& reader);
// The rest of the file, into `writer`; `begun` comes first. Returns its size. EntityTooLarge as
// soon as the file has more than `policy` allows.
io::Task<S3Result<uint64_t>> receive_file(Call& call, FormReader& reader, Bytes begun,
                                          object::ObjectWriter& writer, const PostPolicy& policy);

}  // namespace cairn::s3
