#include "cli/profile.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "cli/ini_file.h"
#include "http/url.h"
#include "io/unique_fd.h"

namespace cairn::cli {
namespace {

struct TextFile {
  std::string text;
  mode_t mode = 0;
};

// nullopt when there is none.
Result<std::optional<TextFile>> read_text(const std::string& path) {
  const io::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (fd.get() < 0) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    return std::unexpected(errno_error(errno, "cannot read " + path));
  }
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return std::unexpected(errno_error(errno, path));
  TextFile file;
  file.mode = status.st_mode;
  if (S_ISDIR(status.st_mode)) return std::nullopt;
  std::array<char, 16384> piece{};
  while (file.text.size() <= kIniBytesMax) {
    const ssize_t got = ::read(fd.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::unexpected(errno_error(errno, "cannot read " + path));
    if (got == 0) break;
    file.text.append(piece.data(), static_cast<size_t>(got));
  }
  return file;
}

struct LoadedFile {
  bool is_present = false;
  IniFile ini;
  mode_t mode = 0;
};

Result<LoadedFile> load(const std::string& path) {
  LoadedFile loaded;
  if (path.empty()) return loaded;
  Result<std::optional<TextFile>> file = read_text(path);
  if (!file) return std::unexpected(file.error());
  if (!*file) return loaded;
  Result<IniFile> ini = IniFile::parse((*file)->text);
  if (!ini) return std::unexpected(ini.error().with_context(path));
  loaded.is_present = true;
  loaded.ini = std::move(*ini);
  loaded.mode = (*file)->mode;
  return loaded;
}

std::string value_of(const IniSection* section, std::string_view name) {
  if (section == nullptr) return {};
  const auto found = section->find(name);
  return found == section->end() ? std::string() : found->second;
}

struct Credentials {
  std::string access_key;
  std::string secret_key;
  std::string session_token;
};

// What one source says; empty = nothing.
struct Layer {
  std::string endpoint;
  std::string region;
  std::string ca_bundle;
  std::string addressing;
  Credentials credentials;
};

std::string first_of(std::initializer_list<std::string> values) {
  for (const std::string& value : values) {
    if (!value.empty()) return value;
  }
  return {};
}

Layer cairn_layer(const IniSection* section) {
  const auto value = [&](std::string_view name) { return value_of(section, name); };
  Layer layer;
  layer.endpoint = first_of({value("endpoint"), value("endpoint_url")});
  layer.region = value("region");
  layer.ca_bundle = value("ca_bundle");
  layer.addressing = value("addressing");
  layer.credentials = {first_of({value("access_key"), value("aws_access_key_id")}),
                       first_of({value("secret_key"), value("aws_secret_access_key")}),
                       first_of({value("session_token"), value("aws_session_token")})};
  return layer;
}

// A profile of ~/.aws/config, and the section [services NAME] that it refers to.
Layer aws_layer(const IniSection* section, const IniFile& config) {
  const auto value = [&](std::string_view name) { return value_of(section, name); };
  Layer layer;
  const std::string services = value("services");
  const IniSection* of_services =
      services.empty() ? nullptr : config.section("services " + services);
  layer.endpoint = first_of(
      {value("s3.endpoint_url"), value_of(of_services, "s3.endpoint_url"), value("endpoint_url")});
  layer.region = value("region");
  layer.ca_bundle = value("ca_bundle");
  const std::string addressing = value("s3.addressing_style");
  if (addressing == "virtual" || addressing == "path") layer.addressing = addressing;
  layer.credentials = {value("aws_access_key_id"), value("aws_secret_access_key"),
                       value("aws_session_token")};
  return layer;
}

Layer environment_layer(const Environment& environment) {
  const auto value = [&](const char* name) { return environment(name).value_or(""); };
  Layer layer;
  layer.endpoint = first_of({value("AWS_ENDPOINT_URL_S3"), value("AWS_ENDPOINT_URL")});
  layer.region = first_of({value("AWS_REGION"), value("AWS_DEFAULT_REGION")});
  layer.ca_bundle = value("AWS_CA_BUNDLE");
  layer.credentials = {value("AWS_ACCESS_KEY_ID"), value("AWS_SECRET_ACCESS_KEY"),
                       value("AWS_SESSION_TOKEN")};
  return layer;
}

std::string home_path(const Environment& environment, const std::string& below) {
  const std::optional<std::string> home = environment("HOME");
  return home ? *home + "/" + below : std::string();
}

struct Files {
  std::string cairn_path;
  LoadedFile cairn;
  std::string credentials_path;
  LoadedFile credentials;
  LoadedFile config;
};

Result<Files> load_files(const Environment& environment) {
  Files files;
  files.cairn_path = profile_file_path(environment);
  files.credentials_path = environment("AWS_SHARED_CREDENTIALS_FILE")
                               .value_or(home_path(environment, ".aws/credentials"));
  const std::string config_path =
      environment("AWS_CONFIG_FILE").value_or(home_path(environment, ".aws/config"));
  Result<LoadedFile> cairn = load(files.cairn_path);
  if (!cairn) return std::unexpected(cairn.error());
  Result<LoadedFile> credentials = load(files.credentials_path);
  if (!credentials) return std::unexpected(credentials.error());
  Result<LoadedFile> config = load(config_path);
  if (!config) return std::unexpected(config.error());
  files.cairn = std::move(*cairn);
  files.credentials = std::move(*credentials);
  files.config = std::move(*config);
  return files;
}

// The layers of one profile, strongest first; empty when no file has it.
std::vector<Layer> layers_of(const Files& files, const std::string& name) {
  std::vector<Layer> layers;
  const IniSection* cairn = files.cairn.ini.section(name);
  if (cairn != nullptr) layers.push_back(cairn_layer(cairn));
  const IniSection* credentials = files.credentials.ini.section(name);
  if (credentials != nullptr) layers.push_back(aws_layer(credentials, files.credentials.ini));
  const IniSection* config = files.config.ini.section("profile " + name);
  if (config == nullptr && name == "default") config = files.config.ini.section(name);
  if (config != nullptr) layers.push_back(aws_layer(config, files.config.ini));
  return layers;
}

Status check_modes(const Files& files, std::vector<std::string>& warnings) {
  if (files.cairn.is_present && (files.cairn.mode & 077) != 0) {
    return fail(Code::kPermissionDenied, files.cairn_path +
                                             " holds secrets and others may read or write it: run "
                                             "chmod 600 " +
                                             files.cairn_path);
  }
  if (files.credentials.is_present && (files.credentials.mode & 07) != 0) {
    warnings.push_back(files.credentials_path + " can be read by everybody: run chmod 600 " +
                       files.credentials_path);
  }
  return {};
}

Status take_credentials(Profile& profile, const std::vector<Layer>& layers) {
  for (const Layer& layer : layers) {
    const Credentials& given = layer.credentials;
    if (given.access_key.empty() && given.secret_key.empty()) continue;
    if (given.access_key.empty() || given.secret_key.empty()) {
      return fail(Code::kInvalidArgument,
                  "an access key and its secret belong together: only one of them is given");
    }
    profile.access_key = given.access_key;
    profile.secret_key = given.secret_key;
    profile.session_token = given.session_token;
    return {};
  }
  return {};
}

template <typename Member>
void take_first(std::string& into, const std::vector<Layer>& layers, Member member) {
  for (const Layer& layer : layers) {
    if ((layer.*member).empty()) continue;
    into = layer.*member;
    return;
  }
}

}  // namespace

Environment process_environment() {
  return [](const std::string& variable) -> std::optional<std::string> {
    const char* value = std::getenv(variable.c_str());
    if (value == nullptr || *value == '\0') return std::nullopt;
    return std::string(value);
  };
}

std::string profile_file_path(const Environment& environment) {
  if (const auto path = environment("CAIRN_CONFIG_FILE")) return *path;
  if (const auto config = environment("XDG_CONFIG_HOME")) return *config + "/cairn/config";
  return home_path(environment, ".config/cairn/config");
}

Result<std::string> checked_endpoint(std::string endpoint) {
  while (endpoint.ends_with('/')) endpoint.pop_back();
  const Result<http::Url> url = http::Url::parse(endpoint);
  const bool is_origin = url && url->target == "/" && endpoint.find('?') == std::string::npos;
  if (!is_origin) {
    return fail(Code::kInvalidArgument,
                "expected an endpoint such as https://s3.example.com or "
                "http://127.0.0.1:9000, not \"" +
                    endpoint + "\"");
  }
  return endpoint;
}

Result<Profile> resolve_profile(const ProfileFlags& flags, const Environment& environment,
                                std::vector<std::string>& warnings) {
  const Result<Files> files = load_files(environment);
  if (!files) return std::unexpected(files.error());
  const Status modes = check_modes(*files, warnings);
  if (!modes) return std::unexpected(modes.error());

  Profile profile;
  const std::string named =
      flags.profile.empty() ? environment("AWS_PROFILE").value_or("") : flags.profile;
  if (!named.empty()) profile.name = named;
  std::vector<Layer> layers = layers_of(*files, profile.name);
  if (layers.empty() && !named.empty()) {
    return fail(Code::kNotFound, "there is no profile \"" + named +
                                     "\": make it with cairn configure --profile " + named);
  }
  Layer given;
  given.endpoint = flags.endpoint;
  given.region = flags.region;
  given.ca_bundle = flags.ca_bundle;
  // A profile that a flag names outweighs the environment, whose credentials are then unused.
  const bool is_named_by_flag = !flags.profile.empty();
  Layer surrounding = environment_layer(environment);
  if (is_named_by_flag) surrounding.credentials = {};
  layers.insert(is_named_by_flag ? layers.end() : layers.begin(), std::move(surrounding));
  layers.insert(layers.begin(), std::move(given));

  const Status credentials = take_credentials(profile, layers);
  if (!credentials) return std::unexpected(credentials.error());
  profile.endpoint.clear();
  take_first(profile.endpoint, layers, &Layer::endpoint);
  profile.has_default_endpoint = profile.endpoint.empty();
  if (profile.has_default_endpoint) profile.endpoint = kDefaultEndpoint;
  take_first(profile.region, layers, &Layer::region);
  take_first(profile.ca_bundle, layers, &Layer::ca_bundle);
  take_first(profile.addressing, layers, &Layer::addressing);
  Result<std::string> endpoint = checked_endpoint(profile.endpoint);
  if (!endpoint) return std::unexpected(endpoint.error());
  profile.endpoint = std::move(*endpoint);
  if (profile.addressing != "path" && profile.addressing != "virtual") {
    return fail(Code::kInvalidArgument, "addressing is \"path\" or \"virtual\"");
  }
  return profile;
}

Status save_profile(const std::string& path, const Profile& profile) {
  if (path.empty()) {
    return fail(Code::kInvalidArgument, "neither CAIRN_CONFIG_FILE nor HOME says where to write");
  }
  Result<LoadedFile> loaded = load(path);
  if (!loaded) return std::unexpected(loaded.error());
  IniFile& ini = loaded->ini;
  ini.set(profile.name, "endpoint", profile.endpoint);
  ini.set(profile.name, "region", profile.region);
  ini.set(profile.name, "ca_bundle", profile.ca_bundle);
  ini.set(profile.name, "access_key", profile.access_key);
  ini.set(profile.name, "secret_key", profile.secret_key);
  ini.set(profile.name, "session_token", profile.session_token);
  ini.set(profile.name, "addressing", profile.addressing == "path" ? "" : profile.addressing);

  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  std::error_code error;
  const bool is_new = !folder.empty() && std::filesystem::create_directories(folder, error);
  if (error) return std::unexpected(errno_error(error.value(), folder.string()));
  if (is_new) std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);

  // Written beside and renamed, so that a reader sees the old file or the new one.
  const std::string temporary = path + "." + std::to_string(::getpid()) + ".new";
  const io::UniqueFd fd(
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (fd.get() < 0) return std::unexpected(errno_error(errno, "cannot write " + temporary));
  const std::string text = ini.text();
  const bool is_written =
      ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
      ::fsync(fd.get()) == 0 && ::rename(temporary.c_str(), path.c_str()) == 0;
  if (is_written) return {};
  const int error_number = errno;
  ::unlink(temporary.c_str());
  return std::unexpected(errno_error(error_number, "cannot write " + path));
}

}  // namespace cairn::cli
