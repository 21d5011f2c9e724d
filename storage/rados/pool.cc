#include "storage/rados/pool.h"

#include <cerrno>
#include <string_view>

#include "base/assert.h"
#include "base/log.h"
#include "crypto/chunk_tenant.h"
#include "io/blocking.h"
#include "io/reactor.h"
#include "io/sync.h"
#include "storage/rados/format.h"

namespace cairn::storage {
namespace {

constexpr std::string_view kControlSuffix = ".control";
// No namespace that an operator may name for a store has it, so no two stores meet.
constexpr char kTenantSeparator = '/';
constexpr size_t kTenantDigits = 12;       // As accounts' numbers are written.
constexpr size_t kTenantSpacesMax = 4096;  // Known at a time.
constexpr size_t kNamesPerCall = 4096;
// librados stops the calling thread when more than its own bound is in flight. A reactor must never
// be stopped: what is in flight is bounded by the buffer pools and by the queues of the store.
constexpr const char* kNoBound = "1099511627776";

// An operation on its way.
struct Flight {
  const RadosLibrary& library;
  std::shared_ptr<void> space;  // Not closed before the answer.
  RadosPool::Done done;
};

void on_complete(rados_completion_t completion, void* argument) {
  const std::unique_ptr<Flight> flight(static_cast<Flight*>(argument));
  const RadosAnswer answer{flight->library.aio_get_return_value(completion),
                           flight->library.aio_get_version(completion)};
  flight->library.aio_release(completion);
  flight->space.reset();  // Before the one who waits may close the pool.
  flight->done(answer);
}

rados_completion_t depart(const RadosLibrary& library, std::shared_ptr<void> space,
                          RadosPool::Done done) {
  rados_completion_t completion = nullptr;
  library.aio_create_completion2(new Flight{library, std::move(space), std::move(done)},
                                 on_complete, &completion);
  return completion;
}

Status set_options(const RadosLibrary& library, rados_t cluster, const RadosPlace& place) {
  const std::string timeout = std::to_string(place.op_timeout.nanoseconds / seconds(1).nanoseconds);
  std::vector<std::pair<const char*, const char*>> options = {
      {"rados_osd_op_timeout", timeout.c_str()},
      {"rados_mon_op_timeout", timeout.c_str()},
      {"client_mount_timeout", timeout.c_str()},
      {"objecter_inflight_ops", "1048576"},
      {"objecter_inflight_op_bytes", kNoBound}};
  if (!place.keyring_path.empty()) options.emplace_back("keyring", place.keyring_path.c_str());
  for (const auto& [name, value] : options) {
    const int set = library.conf_set(cluster, name, value);
    if (set < 0) return std::unexpected(errno_error(-set, std::string("Ceph's option ") + name));
  }
  return {};
}

}  // namespace

io::Task<Result<std::unique_ptr<RadosPool>>> RadosPool::connect(RadosPlace place) {
  const RadosLibrary* const library = co_await io::or_return(rados_library());
  std::unique_ptr<RadosPool> pool(new RadosPool(*library, std::move(place)));
  RadosPool* const opening = pool.get();
  Status opened =
      co_await io::or_return(io::blocking_pool().run([opening] { return opening->open(); }));
  if (!opened) {
    co_await pool->close();
    co_return std::unexpected(opened.error());
  }
  co_return pool;
}

RadosPool::~RadosPool() {
  ASSERT(cluster_ == nullptr);
}

Status RadosPool::open() {
  const std::string where = "the Ceph home rados:" + place_.pool + "/" + place_.name_space;
  int code = library_.create2(&cluster_, "ceph", place_.user.c_str(), 0);
  if (code < 0) return std::unexpected(errno_error(-code, where));
  const char* const config = place_.config_path.empty() ? nullptr : place_.config_path.c_str();
  code = library_.conf_read_file(cluster_, config);
  if (code < 0) {
    return fail(Code::kNotFound, where + " needs Ceph's configuration, and " +
                                     (config != nullptr ? config : "/etc/ceph/ceph.conf") +
                                     " cannot be read: name the file with --home-ceph-conf");
  }
  const Status set = set_options(library_, cluster_, place_);
  if (!set) return set;
  code = library_.connect(cluster_);
  if (code == -EACCES || code == -EPERM || code == -ENOENT) {
    return fail(Code::kPermissionDenied,
                where + ": the monitors do not know " + place_.user +
                    " with this key: check --home-ceph-user and --home-ceph-keyring");
  }
  if (code < 0) {
    return fail(Code::kUnavailable, where + ": no monitor answers (" +
                                        errno_error(-code, "connecting").message +
                                        "): check mon_host in Ceph's configuration");
  }
  for (const auto& [space, name] :
       {std::pair{&chunks_, name_of({})}, std::pair{&control_, name_of(RadosSpace::kControl)},
        std::pair{&listed_, std::string(LIBRADOS_ALL_NSPACES)}}) {
    Result<Space> made = make_space(name);
    if (!made) return std::unexpected(made.error().with_context(where));
    *space = std::move(*made);
  }
  return {};
}

Result<RadosPool::Space> RadosPool::make_space(const std::string& name) {
  rados_ioctx_t space = nullptr;
  const int code = library_.ioctx_create(cluster_, place_.pool.c_str(), &space);
  if (code == -ENOENT) {
    return fail(Code::kNotFound,
                "there is no such pool: make it with `ceph osd pool create " + place_.pool + "`");
  }
  if (code < 0) return std::unexpected(error_of(code, "opening a namespace"));
  library_.ioctx_set_namespace(space, name.c_str());
  return Space(space, library_.ioctx_destroy);
}

RadosSpace RadosPool::space_of(const ChunkId& id) const {
  const crypto::TenantId tenant = is_divided_ ? crypto::tenant_of(id) : crypto::kRootTenant;
  return {.tenant = tenant == crypto::kRootTenant ? 0 : tenant.value};
}

std::string RadosPool::name_of(RadosSpace space) const {
  if (space.is_control) return place_.name_space + std::string(kControlSuffix);
  if (space.tenant == 0) return place_.name_space;
  std::string number = std::to_string(space.tenant);
  if (number.size() < kTenantDigits) number.insert(0, kTenantDigits - number.size(), '0');
  return place_.name_space + kTenantSeparator + number;
}

Result<RadosPool::Space> RadosPool::find_space(RadosSpace space) {
  if (space.is_control) return control_;
  if (space.tenant == 0) return chunks_;
  const std::lock_guard guard(mutex_);
  const auto at = tenants_.find(space.tenant);
  if (at != tenants_.end()) return at->second;
  Result<Space> made = make_space(name_of(space));
  if (!made) return made;
  // Those in use are kept by what is in flight.
  if (tenants_.size() >= kTenantSpacesMax) tenants_.clear();
  tenants_.emplace(space.tenant, *made);
  return made;
}

io::Task<void> RadosPool::close() {
  const auto end = [this] {
    tenants_.clear();
    chunks_ = control_ = listed_ = nullptr;
    if (cluster_ != nullptr) library_.shutdown(cluster_);
    cluster_ = nullptr;
  };
  const Result<void> done = co_await io::blocking_pool().run(end);
  if (!done) end();
}

void RadosPool::write_later(RadosSpace space, const std::string& name, RadosWrite operation,
                            bool frees, Done done) {
  const int flags = frees ? LIBRADOS_OPERATION_FULL_FORCE : LIBRADOS_OPERATION_FULL_TRY;
  const Result<Space> where = find_space(space);
  if (!where) return done({-EIO, 0});
  rados_completion_t completion = depart(library_, *where, std::move(done));
  // It fails only where the arguments are impossible; the completion then never comes.
  const int code = library_.aio_write_op_operate(operation.get(), where->get(), completion,
                                                 name.c_str(), nullptr, flags);
  ASSERT(code == 0);
}

io::Task<RadosAnswer> RadosPool::write(RadosSpace space, std::string name, RadosWrite operation,
                                       bool frees) {
  if (!breaker_.admit(io::Reactor::current().now())) co_return RadosAnswer{-EHOSTDOWN, 0};
  const auto completion = io::Completion<RadosAnswer>::make();
  write_later(space, name, std::move(operation), frees,
              [completion](RadosAnswer answer) { completion.complete(answer); });
  const RadosAnswer answer = co_await completion.wait();
  note(answer.code, io::Reactor::current().now());
  co_return answer;
}

io::Task<RadosObject> RadosPool::read(RadosSpace space, std::string name, uint64_t offset_bytes,
                                      MutableBytes into) {
  RadosObject object;
  object.code = -EHOSTDOWN;
  if (!breaker_.admit(io::Reactor::current().now())) co_return object;
  object.code = -EIO;  // Not "it is absent": nobody was asked.
  const Result<Space> where = find_space(space);
  if (!where) co_return object;
  rados_xattrs_iter_t attributes = nullptr;
  int attributes_code = 0;
  int read_code = 0;
  int stat_code = 0;
  time_t modified = 0;
  rados_read_op_t operation = library_.create_read_op();
  library_.read_op_getxattrs(operation, &attributes, &attributes_code);
  library_.read_op_stat(operation, &object.size_bytes, &modified, &stat_code);
  if (!into.empty()) {
    library_.read_op_read(operation, offset_bytes, into.size(),
                          reinterpret_cast<char*>(into.data()), &object.read_bytes, &read_code);
  }
  const auto completion = io::Completion<RadosAnswer>::make();
  rados_completion_t flight =
      depart(library_, *where, [completion](RadosAnswer answer) { completion.complete(answer); });
  const int submitted =
      library_.aio_read_op_operate(operation, where->get(), flight, name.c_str(), 0);
  ASSERT(submitted == 0);
  const RadosAnswer answer = co_await completion.wait();
  library_.release_read_op(operation);
  note(answer.code, io::Reactor::current().now());
  object.code = answer.code;
  object.version = answer.version;
  const char* key = nullptr;
  const char* value = nullptr;
  size_t size = 0;
  while (answer.code >= 0 && library_.getxattrs_next(attributes, &key, &value, &size) == 0 &&
         key != nullptr) {
    const BytesView bytes = as_bytes({value, size});
    object.attributes.emplace(key, Bytes(bytes.begin(), bytes.end()));
  }
  library_.getxattrs_end(attributes);
  co_return object;
}

io::Task<Result<std::unique_ptr<RadosPool::Names>>> RadosPool::list() {
  const auto open = [this]() -> Result<std::unique_ptr<Names>> {
    rados_list_ctx_t at = nullptr;
    const Space& listed = is_divided_ ? listed_ : chunks_;
    const int code = library_.nobjects_list_open(listed.get(), &at);
    if (code < 0) return std::unexpected(error_of(code, "listing a pool"));
    return std::make_unique<Names>(library_, at);
  };
  Result<std::unique_ptr<Names>> names = co_await io::or_return(io::blocking_pool().run(open));
  co_return names;
}

// Others' objects may have names of chunks too, and so may what somebody copied elsewhere.
bool RadosPool::lies_where_it_belongs(const ChunkId& id, std::string_view name_space) const {
  return !is_divided_ ||
         (name_space.starts_with(place_.name_space) && name_space == name_of(space_of(id)));
}

io::Task<Result<std::vector<ChunkId>>> RadosPool::next(Names& names) {
  const auto step = [this, &names]() -> Result<std::vector<ChunkId>> {
    std::vector<ChunkId> found;
    int code = 0;
    while (code >= 0 && found.size() < kNamesPerCall) {
      const char* entry = nullptr;
      const char* locator = nullptr;
      const char* name_space = nullptr;
      code = library_.nobjects_list_next(names.at_, &entry, &locator, &name_space);
      if (code < 0) break;
      const std::optional<ChunkId> id = chunk_of_object_name(entry);
      if (id && lies_where_it_belongs(*id, name_space)) found.push_back(*id);
    }
    if (code < 0 && code != -ENOENT) return std::unexpected(error_of(code, "listing a pool"));
    return found;
  };
  Result<std::vector<ChunkId>> found = co_await io::or_return(io::blocking_pool().run(step));
  co_return found;
}

io::Task<Result<std::string>> RadosPool::ask_monitor(std::string command) {
  const auto ask = [this, &command]() -> Result<std::string> {
    const char* words[] = {command.c_str()};
    char* out = nullptr;
    char* told = nullptr;
    size_t out_bytes = 0;
    size_t told_bytes = 0;
    const int code =
        library_.mon_command(cluster_, words, 1, "", 0, &out, &out_bytes, &told, &told_bytes);
    std::string answer(out != nullptr ? out : "", out_bytes);
    if (out != nullptr) library_.buffer_free(out);
    if (told != nullptr) library_.buffer_free(told);
    if (code < 0) return std::unexpected(error_of(code, "asking the monitors"));
    return answer;
  };
  Result<std::string> answer = co_await io::or_return(io::blocking_pool().run(ask));
  co_return answer;
}

void RadosPool::note(int code, Instant now) {
  if (code != -ETIMEDOUT) {
    breaker_.on_success();
  } else if (breaker_.on_failure(now)) {
    log::error("storage.rados_down", {{"pool", std::string_view(place_.pool)}});
  }
}

Error RadosPool::error_of(int code, std::string_view what) const {
  const std::string where = std::string(what) + " in the Ceph pool " + place_.pool;
  switch (-code) {
    case ETIMEDOUT:
      return {Code::kUnavailable, where + ": no answer in time; it may have happened all the same"};
    case EHOSTDOWN:
      return {Code::kUnavailable,
              where + ": it has not answered for a while and is tried again soon"};
    case ENOSPC:
    case EDQUOT: return {Code::kNoSpace, where + ": the pool is full"};
    case EACCES:
    case EPERM:
      return {Code::kPermissionDenied,
              where + ": " + place_.user +
                  " may not do that; it needs the capabilities mon 'allow " +
                  "r' and osd 'allow rw' for this pool"};
    case ESHUTDOWN:
      return {Code::kUnavailable, where + ": the cluster has shut this client out (blocklist); " +
                                      "restart the server"};
    default: return errno_error(-code, where);
  }
}

}  // namespace cairn::storage
