// The bucket "home" of an S3 server in memory, for a ScriptedHandler: what a store of chunks asks
// of one, and misbehaviour as a test says. Object names have no character that is encoded.
//
// Used on one reactor.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "storage/log_format.h"
#include "tests/unit/transfer/scripted_server.h"

namespace cairn::testing_support {

class MemoryUpstream {
 public:
  std::map<std::string, std::string> objects;  // By key.
  std::string etag_end;                        // Behind every ETag.
  bool lists_twice = false;                    // Every object once more, on a second page.
  bool lists_forever = false;                  // The same page, whatever the token.
  bool deletes_late = false;                   // Answers 500, and remembers.
  std::vector<std::string> late;

  transfer::ScriptedReply answer(const transfer::SeenRequest& request) {
    const size_t question = request.target.find('?');
    const std::string path = request.target.substr(0, question);
    if (path == "/home" || path == "/home/") return list(request.target);
    const std::string key = path.substr(std::string("/home/").size());
    if (request.method == "PUT") return put(key, request);
    if (request.method == "DELETE") return remove(key);
    return get(key, request);
  }
  void delete_late_ones() {
    for (const std::string& key : late) objects.erase(key);
    late.clear();
  }
  size_t packs_count() const {
    return static_cast<size_t>(std::ranges::count_if(objects, [](const auto& object) {
      return object.first.ends_with(".log") && !object.first.contains("/ended/");
    }));
  }

 private:
  std::string etag_of(const std::string& body) const {
    return std::to_string(storage::checksum_of(as_bytes(body))) + etag_end;
  }
  transfer::ScriptedReply put(const std::string& key, const transfer::SeenRequest& request) {
    if (request.get("if-none-match") == "*" && objects.contains(key)) {
      return {412, {}, "<Error><Code>PreconditionFailed</Code></Error>"};
    }
    objects[key] = request.body;
    return {200, {{"ETag", "\"" + etag_of(request.body) + "\""}}, ""};
  }
  transfer::ScriptedReply remove(const std::string& key) {
    if (deletes_late) {
      late.push_back(key);
      return {500, {}, "<Error><Code>InternalError</Code></Error>"};
    }
    objects.erase(key);
    return {204, {}, ""};
  }
  transfer::ScriptedReply get(const std::string& key, const transfer::SeenRequest& request) const {
    const auto found = objects.find(key);
    if (found == objects.end()) return {404, {}, "<Error><Code>NoSuchKey</Code></Error>"};
    const std::string& body = found->second;
    const std::string etag = "\"" + etag_of(body) + "\"";
    const std::string wanted = request.get("if-match");
    if (wanted != "(none)" && wanted != etag) {
      return {412, {}, "<Error><Code>PreconditionFailed</Code></Error>"};
    }
    transfer::ScriptedReply reply{
        200, {{"ETag", etag}, {"Last-Modified", "Fri, 02 Jan 2026 03:04:05 GMT"}}, body};
    const std::string range = request.get("range");
    if (range == "(none)") return reply;
    const size_t first = std::stoul(range.substr(range.find('=') + 1));
    const size_t last = std::min(std::stoul(range.substr(range.find('-') + 1)), body.size() - 1);
    reply.status = 206;
    reply.body = body.substr(first, last - first + 1);
    reply.fields.emplace_back("Content-Range", "bytes " + std::to_string(first) + "-" +
                                                   std::to_string(last) + "/" +
                                                   std::to_string(body.size()));
    return reply;
  }
  // Keys begin behind "/home/"; the only character of a prefix that is encoded is the slash.
  static std::string prefix_of(const std::string& target) {
    const size_t at = target.find("prefix=");
    if (at == std::string::npos) return "";
    std::string prefix = target.substr(at + 7, target.find('&', at) - at - 7);
    for (size_t slash = prefix.find("%2F"); slash != std::string::npos;
         slash = prefix.find("%2F")) {
      prefix.replace(slash, 3, "/");
    }
    return prefix;
  }
  transfer::ScriptedReply list(const std::string& target) const {
    const bool is_first = !target.contains("continuation-token");
    const std::string prefix = prefix_of(target);
    const bool goes_on = lists_forever || (lists_twice && is_first);
    std::string xml = "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>";
    xml += goes_on ? "true</IsTruncated><NextContinuationToken>on</NextContinuationToken>"
                   : "false</IsTruncated>";
    for (const auto& [key, body] : objects) {
      if (!key.starts_with(prefix)) continue;
      xml += "<Contents><Key>" + key + "</Key><Size>" + std::to_string(body.size()) +
             "</Size><ETag>&quot;" + etag_of(body) + "&quot;</ETag></Contents>";
    }
    return {200, {{"Content-Type", "application/xml"}}, xml + "</ListBucketResult>"};
  }
};

}  // namespace cairn::testing_support
