#include "transfer/crew.h"

#include <sched.h>

#include <algorithm>

#include "io/scope.h"

namespace cairn::transfer {
namespace {

constexpr size_t kMembersMax = 64;
// Of each member: more than the requests that small files and a few large ones have in flight, all
// of which keep their connection.
constexpr size_t kConnectionsMax = 128;

}  // namespace

size_t usable_cores_count() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof(set), &set) != 0) return 1;
  return std::max<size_t>(static_cast<size_t>(CPU_COUNT(&set)), 1);
}

Result<std::unique_ptr<Crew>> Crew::open(CrewOptions options) {
  if (options.members_count == 0 || options.members_count > kMembersMax) {
    return fail(Code::kInvalidArgument, "a crew has 1 to 64 members");
  }
  io::FileSystem& files = options.files != nullptr ? *options.files : io::system_file_system();
  io::Network& network = options.network != nullptr ? *options.network : io::system_network();
  std::unique_ptr<Crew> crew(new Crew(files));
  if (options.members_count > 1) {
    io::ReactorGroupOptions others;
    others.reactors_count = options.members_count - 1;
    others.reactor.pool_bytes = options.pool_bytes;
    Result<std::unique_ptr<io::ReactorGroup>> group = io::ReactorGroup::start(others);
    if (!group) return std::unexpected(group.error());
    crew->group_ = std::move(*group);
  }
  http::ClientOptions& http = options.client.http;
  http.connections_per_host_max = std::max(http.connections_per_host_max, kConnectionsMax);
  http.idle_per_host_max = std::max(http.idle_per_host_max, kConnectionsMax);
  for (size_t i = 0; i < options.members_count; ++i) {
    Result<std::unique_ptr<S3Client>> client = S3Client::create(options.client, network);
    if (!client) return std::unexpected(client.error());
    auto member = std::make_unique<Member>();
    member->reactor = i == 0 ? &io::Reactor::current() : &crew->group_->reactor(i - 1);
    member->client = std::move(*client);
    crew->members_.push_back(std::move(member));
  }
  return crew;
}

Crew::~Crew() = default;

io::Task<void> Crew::close_member(size_t member) {
  co_await client(member).close();
}

io::Task<void> Crew::close() {
  co_await run_on_each([this](size_t member) { return close_member(member); });
  if (group_ != nullptr) group_->join();
}

io::Task<void> Crew::run_member(size_t member, io::Task<void> task) {
  co_await io::run_on(reactor(member), std::move(task));
}

io::Task<void> Crew::run_on_each(std::function<io::Task<void>(size_t member)> make) {
  io::Scope scope;
  // The others first: what runs at home at once would hold them up.
  for (size_t i = size(); i-- > 0;) scope.spawn(run_member(i, make(i)));
  co_await scope.join();
}

void Crew::request_stop() {
  members_[0]->stop.request();
  for (size_t i = 1; i < size(); ++i) {
    reactor(i).post([member = members_[i].get()] { member->stop.request(); });
  }
}

}  // namespace cairn::transfer
