#include "cli/session.h"

#include <unistd.h>

#include <atomic>
#include <memory>

#include "base/log.h"
#include "http/proxy.h"
#include "io/reactor.h"
#include "server/signals.h"
#include "server/version.h"

namespace cairn::cli {
namespace {

// Enough for every file and part that is under way; further ones wait.
constexpr size_t kConnectionsMax = 256;

io::Task<Status> run_session(Console& console, const Profile& profile, const ClientFlags& flags,
                             io::StopToken stop, const ClientWork& work) {
  transfer::S3ClientOptions options =
      co_await io::or_return(client_options(profile, flags.is_anonymous));
  const std::unique_ptr<transfer::S3Client> s3 =
      co_await io::or_return(transfer::S3Client::create(std::move(options)));
  {
    Session session({console, *s3, profile, flags}, stop);
    co_await work(session);
  }
  co_await s3->close();
  co_return Status();
}

Result<Profile> profile_of(const ClientFlags& flags, Console& console) {
  std::vector<std::string> warnings;
  Result<Profile> profile = resolve_profile(flags.profile, process_environment(), warnings);
  for (const std::string& warning : warnings) console.warning(warning);
  if (profile && !profile->has_credentials() && !flags.is_anonymous) {
    return fail(Code::kPermissionDenied,
                "no credentials: run `cairn configure`, set AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY, or give --no-sign-request to ask without");
  }
  return profile;
}

}  // namespace

void Session::report(const Error& error, std::string_view subject) {
  console_.error(error, subject);
  const bool is_unreached = error.code == Code::kUnavailable || error.code == Code::kIo;
  if (is_unreached && profile_.has_default_endpoint && !has_told_endpoint_) {
    has_told_endpoint_ = true;
    console_.hint(std::string("No endpoint is configured, so ") + kDefaultEndpoint +
                  " was asked. Another server is named by `cairn configure`, AWS_ENDPOINT_URL or "
                  "--endpoint-url.");
  }
}

void Session::report(const transfer::Failure& failure, std::string_view subject) {
  report(failure.error, subject);
}

Result<transfer::S3ClientOptions> client_options(const Profile& profile, bool is_anonymous) {
  transfer::S3ClientOptions options;
  options.endpoint = profile.endpoint;
  options.identity.region = profile.region;
  if (!is_anonymous) {
    options.identity.access_key = profile.access_key;
    options.identity.secret = profile.secret_key;
    options.identity.session_token = profile.session_token;
  }
  options.addressing = profile.addressing == "virtual" ? transfer::Addressing::kVirtualHost
                                                       : transfer::Addressing::kAutomatic;
  options.ca_path = profile.ca_bundle;
  options.http.connections_per_host_max = kConnectionsMax;
  options.http.idle_per_host_max = kConnectionsMax;
  options.http.user_agent = "cairn/" + std::string(server::version());
  Result<http::ProxySettings> proxy = http::proxy_from_environment();
  if (!proxy) return std::unexpected(proxy.error());
  options.http.proxy = std::move(*proxy);
  return options;
}

int run_client(const ClientFlags& flags, const ClientWork& work) {
  server::SignalWatch::block();
  // What goes wrong is told by the command, in its own words.
  log::set_level(log::Level::kError);
  Console console(flags.console_options());
  const Result<Profile> profile = profile_of(flags, console);
  if (!profile) {
    console.error(profile.error());
    return console.exit_codes().value();
  }
  const Result<std::unique_ptr<io::Reactor>> reactor = io::Reactor::create({});
  if (!reactor) {
    console.error(reactor.error());
    return console.exit_codes().value();
  }
  io::StopSource stop;
  std::atomic<bool> was_signalled = false;
  bool was_closed = false;
  Status ran;
  {
    const server::SignalWatch signals([&](int) {
      if (was_signalled.exchange(true)) ::_exit(kExitInterrupted);
      (*reactor)->post([&stop] { stop.request(); });
    });
    console.set_on_output_closed([&] {
      was_closed = true;
      stop.request();
    });
    ran = (*reactor)->run(run_session(console, *profile, flags, stop.token(), work));
    console.set_on_output_closed(nullptr);
  }
  if (!ran) console.error(ran.error());
  if (was_signalled) {
    console.hint("cairn: interrupted; the same command goes on where this one stopped");
    return kExitInterrupted;
  }
  // Whoever read the output has had enough of it.
  return was_closed ? kExitDone : console.exit_codes().value();
}

}  // namespace cairn::cli
