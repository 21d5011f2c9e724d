#include "cli/pull_command.h"

#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "base/dates.h"
#include "cli/filter_flags.h"
#include "cli/human.h"
#include "cli/local_tree.h"
#include "cli/model_store.h"
#include "cli/transfer_runner.h"

namespace cairn::cli {
namespace {

constexpr size_t kTagsShownMax = 20;

struct PullFlags {
  ClientFlags client;
  std::string source;
  std::string directory;
  Filters filters;
  bool only_verifies = false;
};

// What new files may be at most; asking means setting it for a moment.
mode_t current_umask() {
  const mode_t mask = ::umask(0);
  ::umask(mask);
  return mask;
}

class Pull {
 public:
  Pull(Session& session, const PullFlags& flags, ModelName name, std::string directory)
      : session_(session),
        flags_(flags),
        name_(std::move(name)),
        directory_(std::move(directory)) {}

  io::Task<Status> run() {
    Result<ModelManifest> manifest = co_await read_manifest(session_, name_);
    if (!manifest && manifest.error().code == Code::kNotFound) {
      co_return co_await tell_tags(manifest.error());
    }
    if (!manifest) co_return std::unexpected(manifest.error());
    std::erase_if(manifest->files,
                  [&](const ModelFile& file) { return !flags_.filters.accept(file.path); });
    const std::vector<bool> is_right = co_await check_present(manifest->files);
    if (session_.is_stopped()) co_return fail(Code::kCancelled, "interrupted");
    if (flags_.only_verifies) co_return tell_damage(manifest->files, is_right);
    const size_t failed_count = co_await fetch(manifest->files, is_right);
    if (failed_count > 0 || session_.is_stopped()) co_return Status();
    session_.console().exit_codes().add_success();
    JsonLine json("pulled");
    json.add("model", name_.text())
        .add("directory", directory_)
        .add("files", manifest->files.size())
        .add("size", manifest->size_bytes())
        .add("bytes_present", present_bytes_);
    std::string text = name_.text() + " is in " + directory_ + ": " +
                       std::to_string(manifest->files.size()) + " files, " +
                       human_size(manifest->size_bytes()) + ", all verified";
    if (present_bytes_ > 0) text += "; " + human_size(present_bytes_) + " were right already";
    session_.console().note(text, json);
    co_return Status();
  }

 private:
  io::Task<Status> tell_tags(Error error) {
    const Result<std::vector<ModelTag>> tags = co_await list_tags(session_, name_);
    std::string shown;
    size_t count = 0;
    if (tags) {
      for (const ModelTag& tag : *tags) {
        if (tag.model != name_.model || ++count > kTagsShownMax) continue;
        shown += (shown.empty() ? "" : ", ") + tag.tag;
      }
    }
    if (shown.empty()) co_return std::unexpected(error.with_context(name_.text()));
    co_return fail(Code::kNotFound, "there is no " + name_.text() + "; its tags are " + shown);
  }

  // Which files are there with the right content. A symbolic link never is: it is replaced.
  io::Task<std::vector<bool>> check_present(const std::vector<ModelFile>& files) {
    std::vector<bool> is_right(files.size(), false);
    FileHashes hashes(session_);
    std::vector<size_t> hashed;
    for (size_t i = 0; i < files.size(); ++i) {
      const Result<std::string> path = find_path_inside(directory_, files[i].path);
      struct stat status{};
      const bool is_candidate = path && ::lstat(path->c_str(), &status) == 0 &&
                                S_ISREG(status.st_mode) &&
                                static_cast<uint64_t>(status.st_size) == files[i].size_bytes;
      if (!is_candidate) continue;
      hashes.add(*path);
      hashed.push_back(i);
    }
    const std::vector<Result<crypto::Sha256Value>> values = co_await hashes.run();
    for (size_t i = 0; i < values.size(); ++i) {
      const ModelFile& file = files[hashed[i]];
      if (!values[i] || *values[i] != file.sha256) continue;
      is_right[hashed[i]] = true;
      present_bytes_ += file.size_bytes;
    }
    co_return is_right;
  }

  io::Task<size_t> fetch(const std::vector<ModelFile>& files, const std::vector<bool>& is_right) {
    const mode_t mask = current_umask();
    std::vector<TransferItem> items;
    for (size_t i = 0; i < files.size(); ++i) {
      if (is_right[i]) continue;
      const ModelFile& file = files[i];
      TransferItem item;
      item.from.kind = Location::Kind::kS3;
      item.from.bucket = name_.bucket;
      item.from.key = name_.files_prefix() + file.path;
      item.to.path = directory_ + "/" + file.path;
      item.directory = directory_;
      item.relative_path = file.path;
      item.size_bytes = file.size_bytes;
      item.sha256 = file.sha256;
      item.mode = (file.mode | 0600U) & ~mask & 0777U;
      items.push_back(std::move(item));
    }
    RunOptions options;
    options.keeps_times = false;
    options.resumed_bytes = present_bytes_;
    TransferRunner runner(session_, std::move(options));
    co_return co_await runner.run(std::move(items));
  }

  Status tell_damage(const std::vector<ModelFile>& files, const std::vector<bool>& is_right) {
    size_t damaged_count = 0;
    for (size_t i = 0; i < files.size(); ++i) {
      if (is_right[i]) continue;
      ++damaged_count;
      session_.console().error({Code::kCorruption, "is missing or not what was pushed"},
                               directory_ + "/" + files[i].path);
    }
    if (damaged_count > 0) return {};
    session_.console().note(directory_ + " is " + name_.text() + ": " +
                                std::to_string(files.size()) + " files verified",
                            JsonLine("verified").add("files", files.size()));
    return {};
  }

  Session& session_;
  const PullFlags& flags_;
  const ModelName name_;
  const std::string directory_;
  uint64_t present_bytes_ = 0;
};

io::Task<void> pull(Session& session, const PullFlags& flags) {
  Result<ModelName> name = parse_model_name_or_all(flags.source);
  if (name && name->model.empty()) name = parse_model_name(flags.source);
  if (!name) {
    session.report(name.error());
    co_return;
  }
  std::string directory = flags.directory;
  if (directory.empty()) directory = name->model.substr(name->model.rfind('/') + 1);
  while (directory.size() > 1 && directory.ends_with('/')) directory.pop_back();
  Pull work(session, flags, *name, std::move(directory));
  const Status done = co_await work.run();
  if (!done) session.report(done.error());
}

struct ModelsFlags {
  ClientFlags client;
  std::string where;
};

io::Task<void> models(Session& session, const ModelsFlags& flags) {
  const Result<ModelName> name = parse_model_name_or_all(flags.where);
  if (!name) {
    session.report(name.error());
    co_return;
  }
  const Result<std::vector<ModelTag>> tags = co_await list_tags(session, *name);
  if (!tags) {
    session.report(tags.error());
    co_return;
  }
  for (const ModelTag& tag : *tags) {
    const std::string url = "s3://" + name->bucket + "/" + tag.model + ":" + tag.tag;
    JsonLine json;
    json.add("model", tag.model).add("tag", tag.tag).add("pushed", format_iso8601_ms(tag.pushed));
    session.console().result(local_time_text(tag.pushed) + " " + url, json.add("url", url));
  }
}

}  // namespace

void add_pull_command(CLI::App& app, int& exit_code) {
  const auto flags = std::make_shared<PullFlags>();
  CLI::App* command =
      app.add_subcommand("pull", "Fetch a version of a model; what is right already stays");
  command->add_option("model", flags->source, "s3://BUCKET/MODEL:TAG")->required();
  command->add_option("directory", flags->directory, "Where to (default: ./MODEL)");
  command->add_flag("--verify-only", flags->only_verifies,
                    "Compare the directory with the manifest (exit code 3 when it differs)");
  add_filter_flags(*command);
  flags->client.add_to(*command);
  flags->client.add_transfer_flags_to(*command);
  command->callback([flags, command, &exit_code] {
    flags->filters = given_filters(*command);
    exit_code =
        run_client(flags->client, [flags](Session& session) { return pull(session, *flags); });
  });
}

void add_models_command(CLI::App& app, int& exit_code) {
  const auto flags = std::make_shared<ModelsFlags>();
  CLI::App* command = app.add_subcommand("models", "The models that were pushed, with their tags");
  command->add_option("location", flags->where, "s3://BUCKET or s3://BUCKET/MODEL")->required();
  flags->client.add_to(*command);
  command->callback([flags, &exit_code] {
    exit_code =
        run_client(flags->client, [flags](Session& session) { return models(session, *flags); });
  });
}

}  // namespace cairn::cli
