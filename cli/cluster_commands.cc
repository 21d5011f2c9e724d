#include "cli/cluster_commands.h"

#include <fmt/format.h>

#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/admin_client.h"
#include "cli/admin_flags.h"
#include "cli/exit_codes.h"
#include "cli/human.h"
#include "cli/location.h"

namespace cairn::cli {
namespace {

using Json = nlohmann::json;

// Values of one command's options, filled before its callback runs.
struct ClusterOptions {
  std::string data;
  std::string name;
  std::string location;
  bool json = false;
};

int report_error(const Error& error) {
  std::cerr << "cairn: " << error.message << "\n";
  return exit_code_of(error.code);
}

std::string text_of(const Json& object, const char* name) {
  const std::string text = object.value(name, std::string());
  return text.empty() ? "-" : text;
}

std::string share_of(uint64_t part, uint64_t whole) {
  return whole == 0 ? "-"
                    : fmt::format("{:.1f} %",
                                  100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

// What each node says of its caches. A read of a client that its own memory does not answer is
// asked of another node, or read from the home.
void print_caches(const Json& stats) {
  if (stats.empty()) return;
  fmt::print("\n  {:<24} {:>9} {:>9} {:>10} {:>10} {:>10} {:>10}\n", "NAME", "OWN HITS",
             "PEER HITS", "MEMORY", "DISK", "FOR PEERS", "SERVED");
  for (const auto& [name, of] : stats.items()) {
    if (of.contains("error")) {
      fmt::print("  {:<24} tells nothing: {}\n", name, text_of(of, "error"));
      continue;
    }
    const auto number = [&of](const char* key) { return of.value(key, uint64_t{0}); };
    fmt::print("  {:<24} {:>9} {:>9} {:>10} {:>10} {:>10} {:>10}\n", name,
               share_of(number("hits"), number("hits") + number("misses")),
               share_of(number("answered"), number("asked")), human_size(number("ram_bytes")),
               human_size(number("disk_bytes")), human_size(number("kept_bytes")),
               human_size(number("served_bytes")));
  }
}

// The answer as a table, one line a node; the caller's own node is marked.
void print_table(const Json& status) {
  const std::string own = status.value("name", std::string());
  fmt::print("  {:<24} {:<9} {:<24} {:<12} {:>10} {}\n", "NAME", "STATE", "ADDRESS", "ZONE",
             "CAPACITY", "VERSION");
  for (const Json& member : status.value("members", Json::array())) {
    const uint64_t capacity = member.value("capacity", uint64_t{0});
    fmt::print("{} {:<24} {:<9} {:<24} {:<12} {:>10} {}\n",
               member.value("name", std::string()) == own ? "*" : " ", text_of(member, "name"),
               text_of(member, "state"), text_of(member, "address"), text_of(member, "zone"),
               capacity == 0 ? "-" : human_size(capacity), text_of(member, "version"));
  }
  if (!status.value("registered", false)) {
    fmt::print("This node is not registered: {}\n", text_of(status, "error"));
  }
  print_caches(status.value("stats", Json::object()));
  const Json peers = status.value("peers", Json::object());
  if (peers.empty()) return;
  fmt::print(
      "\nThis node asked others {} times: {} answers with {}, {} without an answer or with a wrong "
      "one; "
      "the home was read beside {} of them.\n",
      peers.value("asked", uint64_t{0}), peers.value("answered", uint64_t{0}),
      human_size(peers.value("answered_bytes", uint64_t{0})),
      peers.value("unanswered", uint64_t{0}) + peers.value("wrong", uint64_t{0}),
      peers.value("hedged", uint64_t{0}));
  fmt::print("Served {} to other nodes; keeps {} of {} for them.\n",
             human_size(peers.value("served_bytes", uint64_t{0})),
             human_size(peers.value("kept_bytes", uint64_t{0})),
             human_size(peers.value("kept_capacity", uint64_t{0})));
}

int run_status(const ClusterOptions& options) {
  const Result<AdminReply> reply = ask_admin(options.data, "GET", "cluster-status");
  if (!reply) return report_error(reply.error());
  const Json status = Json::parse(reply->body, nullptr, false);
  const bool is_good = reply->status == 200 && status.is_object();
  if (!is_good || options.json) {
    (is_good ? std::cout : std::cerr) << reply->body;
    return exit_code_of_status(reply->status);
  }
  print_table(status);
  return kExitDone;
}

int run_change(const std::string& data, const std::string& command,
               const std::string& method = "POST") {
  const Result<AdminReply> reply = ask_admin(data, method, command);
  if (!reply) return report_error(reply.error());
  (reply->status == 200 ? std::cout : std::cerr) << reply->body;
  return exit_code_of_status(reply->status);
}

int run_about_objects(const ClusterOptions& options, const std::string& command) {
  const Result<Location> location = parse_bucket_location(options.location);
  if (!location) return report_error(location.error());
  const std::string method = command == "cluster-lookup" ? "GET" : "POST";
  return run_change(options.data,
                    command + "?bucket=" + url_encoded(location->bucket) +
                        "&prefix=" + url_encoded(location->key),
                    method);
}

CLI::App* add_command(CLI::App& parent, const std::string& name, const std::string& help,
                      ClusterOptions& options) {
  CLI::App* const command = parent.add_subcommand(name, help);
  add_data_option(*command, options.data);
  return command;
}

}  // namespace

void add_cluster_commands(CLI::App& admin, int& exit_code) {
  CLI::App* const cluster = admin.add_subcommand("cluster", "The nodes of a cluster");
  cluster->require_subcommand(1);
  // Lives as long as the callbacks.
  const auto options = std::make_shared<ClusterOptions>();
  CLI::App* const status = add_command(
      *cluster, "status", "Who is in the cluster, and what this node did with it", *options);
  status->add_flag("--json", options->json, "As JSON");
  status->callback([options, &exit_code] { exit_code = run_status(*options); });
  for (const std::string command : {"drain", "undrain"}) {
    CLI::App* const change = add_command(
        *cluster, command,
        command == "drain"
            ? "Let a node own no chunks and tell load balancers that it is not ready; it goes on "
              "serving"
            : "Use a drained node again",
        *options);
    change->add_option("name", options->name, "The node")->required();
    change->callback([options, command, &exit_code] {
      exit_code =
          run_change(options->data, "cluster-" + command + "?name=" + url_encoded(options->name));
    });
  }
  const std::map<std::string, std::string> about_objects = {
      {"warm", "Let the owner of every chunk of some objects fetch it"},
      {"pin",
       "Let the owner of every chunk fetch it and keep it, until it is dropped or its owner "
       "restarts"},
      {"lookup", "How much of some objects each node has, in which tier; JSON"}};
  for (const auto& [command, help] : about_objects) {
    CLI::App* const warm = add_command(*cluster, command, help, *options);
    warm->add_option("location", options->location,
                     "s3://BUCKET/PREFIX: every object whose key begins so")
        ->required();
    warm->callback([options, name = command, &exit_code] {
      exit_code = run_about_objects(*options, "cluster-" + name);
    });
  }
}

}  // namespace cairn::cli
