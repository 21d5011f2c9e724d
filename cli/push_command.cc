#include "cli/push_command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <memory>

#include "base/dates.h"
#include "base/encoding.h"
#include "cli/filter_flags.h"
#include "cli/human.h"
#include "cli/local_tree.h"
#include "cli/model_store.h"
#include "cli/object_listing.h"
#include "cli/remover.h"
#include "cli/transfer_runner.h"

namespace cairn::cli {
namespace {

// Hash of an object's content, in its own metadata: tells on any server what an earlier push left.
constexpr char kHashHeader[] = "x-amz-meta-cairn-sha256";
constexpr std::string_view kHashName = "cairn-sha256";
// Versions whose files are looked at for content that need not be sent.
constexpr size_t kBaseVersionsMax = 8;

struct PushFlags {
  ClientFlags client;
  ObjectFlags object;
  std::string directory;
  std::string target;
  Filters filters;
  bool is_forced = false;
};

class Push {
 public:
  Push(Session& session, const PushFlags& flags, ModelName name)
      : session_(session), flags_(flags), name_(std::move(name)) {}

  io::Task<Status> run() {
    // Before anything is hashed.
    co_await transfer::or_fail(session_.s3().head_bucket(name_.bucket, session_.until()));
    Result<ModelManifest> published = co_await read_manifest(session_, name_);
    if (!published && published.error().code != Code::kNotFound && !flags_.is_forced) {
      co_return std::unexpected(published.error());
    }
    co_await io::or_return(hash_directory());
    if (published && published->has_same_files(manifest_)) {
      tell("is already there");
      co_return Status();
    }
    if (published && !flags_.is_forced) {
      co_return fail(Code::kAlreadyExists,
                     name_.text() +
                         " exists with other files, and a tag does not change: push "
                         "under another tag, or replace it with --force");
    }
    co_await io::or_return(find_present());
    co_await find_shared();
    co_await copy_shared();
    co_await io::or_return(send_rest());
    co_await io::or_return(publish());
    if (flags_.is_forced) co_await remove_strangers();
    tell("is pushed");
    co_return Status();
  }

 private:
  std::string path_of(const ModelFile& file) const { return flags_.directory + "/" + file.path; }
  std::string key_of(const ModelFile& file) const { return name_.files_prefix() + file.path; }

  io::Task<Status> hash_directory() {
    const LocalTree tree = co_await io::or_return(walk_directory(flags_.directory, Links::kFollow));
    for (const std::string& warning : tree.warnings) session_.console().warning(warning);
    FileHashes hashes(session_);
    for (const LocalFile& file : tree.files) {
      if (!flags_.filters.accept(file.relative_path)) continue;
      ModelFile entry;
      entry.path = file.relative_path;
      entry.size_bytes = file.size_bytes;
      entry.mode = file.mode & 0777U;
      hashes.add(path_of(entry));
      manifest_.files.push_back(std::move(entry));
      states_.push_back(file);
    }
    if (manifest_.files.empty()) {
      co_return fail(Code::kNotFound, flags_.directory + " holds no file to push");
    }
    const std::vector<Result<crypto::Sha256Value>> values = co_await hashes.run();
    for (size_t i = 0; i < values.size(); ++i) {
      if (!values[i]) co_return std::unexpected(values[i].error());
      manifest_.files[i].sha256 = *values[i];
    }
    manifest_.model = name_.model;
    manifest_.tag = name_.tag;
    co_return Status();
  }

  // What an earlier, unfinished push left under this tag. Other content there is an error without
  // --force: it may be somebody else's push of the same tag, right now.
  io::Task<Status> find_present() {
    const std::vector<transfer::ObjectEntry> objects =
        co_await transfer::or_fail(list_all(session_, name_.bucket, name_.files_prefix()));
    for (const transfer::ObjectEntry& object : objects) {
      const std::string path = object.key.substr(name_.files_prefix().size());
      present_keys_.push_back(object.key);
      const auto found = std::ranges::lower_bound(manifest_.files, path, {}, &ModelFile::path);
      if (found == manifest_.files.end() || found->path != path) continue;
      bool is_same = object.size_bytes == found->size_bytes;
      if (is_same) {
        const transfer::ObjectInfo info = co_await transfer::or_fail(
            session_.s3().head(name_.bucket, object.key, "", session_.until()));
        const transfer::HeaderPair wanted{kHashName, to_hex(found->sha256)};
        is_same = std::ranges::find(info.metadata, wanted) != info.metadata.end();
        if (is_same) found->etag = info.etag;
      }
      if (!is_same && !flags_.is_forced) {
        co_return fail(Code::kAlreadyExists,
                       "s3://" + name_.bucket + "/" + object.key +
                           " exists with other content: another push of this tag is under way or "
                           "was left behind; --force replaces it");
      }
      if (is_same) present_bytes_ += found->size_bytes;
    }
    co_return Status();
  }

  // The same content in other versions, newest first.
  io::Task<void> find_shared() {
    ModelName model = name_;
    Result<std::vector<ModelTag>> tags = co_await list_tags(session_, model);
    if (!tags) co_return;
    std::erase_if(*tags, [&](const ModelTag& tag) {
      return tag.model != name_.model || tag.tag == name_.tag;
    });
    std::ranges::sort(*tags, {}, [](const ModelTag& tag) { return -tag.pushed.unix_ms; });
    if (tags->size() > kBaseVersionsMax) tags->resize(kBaseVersionsMax);
    for (const ModelTag& tag : *tags) {
      model.tag = tag.tag;
      const Result<ModelManifest> other = co_await read_manifest(session_, model);
      if (!other) continue;
      for (const ModelFile& file : other->files) {
        shared_.try_emplace({file.sha256, file.size_bytes},
                            Place{model.files_prefix() + file.path, file.etag});
      }
    }
  }

  // Copied by the server under If-Match; what cannot be copied is sent afterwards.
  io::Task<void> copy_shared() {
    for (ModelFile& file : manifest_.files) {
      const auto found = shared_.find({file.sha256, file.size_bytes});
      if (!file.etag.empty() || found == shared_.end() || session_.is_stopped()) continue;
      TransferItem item;
      item.from.kind = item.to.kind = Location::Kind::kS3;
      item.from.bucket = item.to.bucket = name_.bucket;
      item.from.key = found->second.key;
      item.to.key = key_of(file);
      item.size_bytes = file.size_bytes;
      item.etag = found->second.etag;
      ObjectFlags plain;
      plain.must_be_new = !flags_.is_forced;
      const transfer::S3Result<std::string> etag =
          co_await copy_on_server(session_, std::move(item), plain, {});
      if (!etag) continue;
      file.etag = *etag;
      shared_bytes_ += file.size_bytes;
    }
  }

  io::Task<Status> send_rest() {
    std::vector<TransferItem> items;
    for (const ModelFile& file : manifest_.files) {
      if (!file.etag.empty()) continue;
      TransferItem item;
      item.from.path = path_of(file);
      item.to.kind = Location::Kind::kS3;
      item.to.bucket = name_.bucket;
      item.to.key = key_of(file);
      item.relative_path = file.path;
      item.size_bytes = file.size_bytes;
      item.headers.emplace_back(kHashHeader, to_hex(file.sha256));
      items.push_back(std::move(item));
    }
    RunOptions options;
    options.object = flags_.object;
    options.object.must_be_new = !flags_.is_forced;
    options.instant_bytes = shared_bytes_;
    options.resumed_bytes = present_bytes_;
    TransferRunner runner(session_, std::move(options));
    runner.set_on_done([this](const ItemDone& done) {
      const auto found =
          std::ranges::lower_bound(manifest_.files, done.item.relative_path, {}, &ModelFile::path);
      found->etag = done.etag;
    });
    const size_t failed_count = co_await runner.run(std::move(items));
    if (session_.is_stopped()) co_return fail(Code::kCancelled, "interrupted");
    if (failed_count > 0) {
      co_return fail(Code::kUnavailable, name_.text() +
                                             " is not pushed: " + std::to_string(failed_count) +
                                             " files failed; the same command sends the rest");
    }
    for (size_t i = 0; i < manifest_.files.size(); ++i) {
      const Result<LocalFile> now = stat_file(path_of(manifest_.files[i]));
      const bool is_same =
          now && now->size_bytes == states_[i].size_bytes && now->modified == states_[i].modified;
      if (!is_same) {
        co_return fail(Code::kFailedPrecondition,
                       manifest_.files[i].path + " was changed during the push: push again");
      }
    }
    co_return Status();
  }

  io::Task<Status> publish() {
    manifest_.created = format_iso8601(system_clock().wall_now());
    co_await transfer::or_fail(put_manifest(session_, name_, manifest_, !flags_.is_forced));
    session_.console().exit_codes().add_success();
    co_return Status();
  }

  // Of an earlier version of this tag, or of a push that was given up.
  io::Task<void> remove_strangers() {
    Remover remover(session_, name_.bucket);
    for (const std::string& key : present_keys_) {
      if (manifest_.find(key.substr(name_.files_prefix().size())) != nullptr) continue;
      transfer::DeleteKey victim{key, ""};
      co_await remover.add(std::move(victim));
    }
    co_await remover.finish();
  }

  void tell(const std::string& what) {
    JsonLine json("pushed");
    json.add("model", name_.text())
        .add("files", manifest_.files.size())
        .add("size", manifest_.size_bytes())
        .add("bytes_shared", shared_bytes_);
    std::string text = name_.text() + " " + what + ": " + std::to_string(manifest_.files.size()) +
                       " files, " + human_size(manifest_.size_bytes());
    if (shared_bytes_ > 0) text += "; " + human_size(shared_bytes_) + " shared with other versions";
    if (present_bytes_ > 0) text += "; " + human_size(present_bytes_) + " were there already";
    session_.console().note(text, json);
  }

  struct Place {
    std::string key;
    std::string etag;
  };

  Session& session_;
  const PushFlags& flags_;
  const ModelName name_;
  ModelManifest manifest_;
  std::vector<LocalFile> states_;  // As hashed; in the order of manifest_.files.
  std::vector<std::string> present_keys_;
  std::map<std::pair<crypto::Sha256Value, uint64_t>, Place> shared_;
  uint64_t shared_bytes_ = 0;
  uint64_t present_bytes_ = 0;
};

io::Task<void> push(Session& session, const PushFlags& flags) {
  const Result<ModelName> name = parse_model_name(flags.target);
  Status valid = flags.object.check();
  if (!name) valid = std::unexpected(name.error());
  if (!valid) {
    session.report(valid.error());
    co_return;
  }
  Push work(session, flags, *name);
  const Status done = co_await work.run();
  if (!done) session.report(done.error());
}

}  // namespace

void add_push_command(CLI::App& app, int& exit_code) {
  const auto flags = std::make_shared<PushFlags>();
  CLI::App* command = app.add_subcommand(
      "push", "Store a directory as a version of a model; what is there is not sent again");
  command->add_option("directory", flags->directory, "The model's files")->required();
  command->add_option("model", flags->target, "s3://BUCKET/MODEL:TAG")->required();
  command->add_flag("--force", flags->is_forced, "Replace the tag if it exists");
  add_filter_flags(*command);
  flags->client.add_to(*command);
  flags->client.add_transfer_flags_to(*command);
  command->callback([flags, command, &exit_code] {
    flags->filters = given_filters(*command);
    while (flags->directory.size() > 1 && flags->directory.ends_with('/')) {
      flags->directory.pop_back();
    }
    exit_code =
        run_client(flags->client, [flags](Session& session) { return push(session, *flags); });
  });
}

}  // namespace cairn::cli
