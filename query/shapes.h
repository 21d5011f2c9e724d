// The structures that several replies hold, as the inside of an element.
#pragma once

#include "iam/model.h"
#include "query/call.h"

namespace cairn::query {

void append_user(s3::XmlWriter& xml, iam::TenantId tenant, const iam::User& user);
void append_group(s3::XmlWriter& xml, iam::TenantId tenant, const iam::Group& group);
void append_role(s3::XmlWriter& xml, iam::TenantId tenant, const iam::Role& role);
// `with_text`: description and tags, which lists leave out.
void append_policy(s3::XmlWriter& xml, const iam::Account& account,
                   const iam::ManagedPolicy& policy, bool with_text);
// One page of a list of tags.
Result<std::string> render_tags(const Call& call, const iam::Tags& tags);
std::string arn_of(iam::TenantId tenant, const iam::ManagedPolicy& policy);

}  // namespace cairn::query
