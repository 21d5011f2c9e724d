#include "cli/placement_commands.h"

#include <memory>
#include <string>
#include <utility>

#include "cli/admin_flags.h"

namespace cairn::cli {
namespace {

struct PlacementOptions {
  std::string data;
  std::string bucket;
  std::string placement;
  std::string tenant;
};

void add_reads_command(CLI::App& bucket, AskServer ask) {
  struct Options {
    std::string data;
    std::string bucket;
    std::string reads;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* const command = bucket.add_subcommand(
      "reads", "Show whether reads of a bucket may be stale, which needs no etcd, or set it");
  add_data_option(*command, options->data);
  command->add_option("bucket", options->bucket, "The bucket")->required();
  command->add_option("reads", options->reads, "strong, or stale: docs/cluster.md")
      ->check(CLI::IsMember({"strong", "stale"}));
  command->callback([options, ask = std::move(ask)] {
    const bool sets = !options->reads.empty();
    std::string path = sets ? "bucket-reads-set" : "bucket-reads-show";
    append_parameter(path, "bucket", options->bucket);
    if (sets) append_parameter(path, "reads", options->reads);
    ask(options->data, sets ? "POST" : "GET", path);
  });
}

}  // namespace

void add_placement_commands(CLI::App& admin, AskServer ask) {
  CLI::App* const bucket = admin.add_subcommand("bucket", "What only an operator sets of a bucket");
  bucket->require_subcommand(1);
  add_reads_command(*bucket, ask);
  // Lives as long as the callback.
  const auto options = std::make_shared<PlacementOptions>();
  CLI::App* const command = bucket->add_subcommand(
      "placement", "Show where a bucket's new objects are kept, or name another placement");
  add_data_option(*command, options->data);
  command->add_option("--tenant", options->tenant, "The owner's number, for an isolated tenant")
      ->option_text("N");
  command->add_option("bucket", options->bucket, "The bucket")->required();
  command->add_option("placement", options->placement,
                      "The placement that takes its new objects; those that are there stay");
  command->callback([options, ask = std::move(ask)] {
    const bool sets = !options->placement.empty();
    std::string path = sets ? "bucket-placement-set" : "bucket-placement-show";
    for (const auto& [name, value] :
         {std::pair{"bucket", &options->bucket}, std::pair{"placement", &options->placement},
          std::pair{"tenant", &options->tenant}}) {
      if (!value->empty()) append_parameter(path, name, *value);
    }
    ask(options->data, sets ? "POST" : "GET", path);
  });
}

}  // namespace cairn::cli
