#include "storage/placed_store.h"

#include <algorithm>
#include <array>

#include "base/assert.h"
#include "base/log.h"
#include "storage/late_store.h"

namespace cairn::storage {

struct PlacedStore::State {
  // A home with its store.
  struct Home {
    explicit Home(HomeParts from)
        : parts(std::move(from)),
          store(std::move(parts.store)),
          named(parts.name, store, parts.is_remote) {
      named.is_open = store.store() != nullptr;
    }
    void adopt(std::unique_ptr<ChunkStore> opened) {
      store.adopt(std::move(opened));
      if (parts.set_references) parts.set_references(*store.store(), &named.references);
      named.is_open = true;
    }
    HomeParts parts;
    LateStore store;
    NamedHome named;
  };

  explicit State(PlacedStoreOptions options);
  Status route(RouteParts parts);
  Result<NamedHome*> home_of(const RouteParts& route, const std::string& name);
  io::Task<void> open_late_ones();

  std::vector<std::unique_ptr<Home>> homes;
  HomesContext context;
  std::vector<std::unique_ptr<PlacementRoute>> routes;
  std::vector<std::unique_ptr<ReplicatedStore>> stores;  // Of the routes.
  std::array<ReplicatedStore*, 256> by_placement{};      // Each entry is set.
  HomeKeeper keeper;
  bool is_keeping = false;
  bool closed = false;
};

PlacedStore::State::State(PlacedStoreOptions options)
    : keeper(
          context,
          [this](const ChunkId& id) -> ReplicatedStore& { return *by_placement[placement_of(id)]; },
          options.keeper) {
  for (HomeParts& parts : options.homes) {
    homes.push_back(std::make_unique<Home>(std::move(parts)));
    Home& home = *homes.back();
    if (home.store.store() != nullptr && home.parts.set_references) {
      home.parts.set_references(*home.store.store(), &home.named.references);
    }
    context.homes.push_back(&home.named);
  }
  keeper.set_opener([this] { return open_late_ones(); });
}

Result<NamedHome*> PlacedStore::State::home_of(const RouteParts& route, const std::string& name) {
  const auto found = std::ranges::find(context.homes, name, &NamedHome::name);
  if (found != context.homes.end()) return *found;
  return fail(Code::kInvalidArgument, "placement \"" + route.placement.name +
                                          "\" names the home \"" + name +
                                          "\", which is not configured");
}

Status PlacedStore::State::route(RouteParts parts) {
  if (parts.homes.empty() || parts.homes.size() > kHomesPerPlacementMax) {
    return fail(Code::kInvalidArgument,
                "placement \"" + parts.placement.name + "\" needs 1 to 8 homes");
  }
  std::vector<NamedHome*> chosen;
  for (const std::string& name : parts.homes) {
    const Result<NamedHome*> home = home_of(parts, name);
    if (!home) return std::unexpected(home.error());
    chosen.push_back(*home);
  }
  NamedHome* staging = nullptr;
  if (!parts.staging.empty()) {
    const Result<NamedHome*> home = home_of(parts, parts.staging);
    if (!home) return std::unexpected(home.error());
    staging = *home;
  }
  const bool is_one_there =
      std::ranges::any_of(chosen, [](const NamedHome* home) { return home->is_open.load(); });
  if (!is_one_there) {
    return fail(Code::kUnavailable,
                "none of the homes of placement \"" + parts.placement.name + "\" is there");
  }
  const PlacementId id = parts.placement.id;
  routes.push_back(std::make_unique<PlacementRoute>(std::move(parts.placement), std::move(chosen),
                                                    parts.acknowledge, staging));
  routes.back()->choose(parts.choice);
  stores.push_back(std::make_unique<ReplicatedStore>(*routes.back(), context));
  by_placement[id] = stores.back().get();
  return {};
}

io::Task<void> PlacedStore::State::open_late_ones() {
  for (const std::unique_ptr<Home>& home : homes) {
    if (home->named.is_open.load() || !home->parts.open_later) continue;
    Result<std::unique_ptr<ChunkStore>> opened = co_await home->parts.open_later();
    if (!opened) {
      log::warning("home-still-away", {{"home", std::string_view(home->named.name)},
                                       {"message", std::string_view(opened.error().message)}});
      continue;
    }
    home->adopt(std::move(*opened));
    context.survey_due = true;
    log::info("home-available", {{"home", std::string_view(home->named.name)}});
  }
}

PlacedStore::PlacedStore(std::unique_ptr<State> state) : state_(std::move(state)) {}
PlacedStore::~PlacedStore() {
  ASSERT(state_->closed);
}

io::Task<Result<std::unique_ptr<PlacedStore>>> PlacedStore::open(PlacedStoreOptions options) {
  std::vector<RouteParts> routes = std::move(options.routes);
  std::unique_ptr<PlacedStore> store(new PlacedStore(std::make_unique<State>(std::move(options))));
  Status made;
  if (store->state_->homes.size() > kHomesMax) {
    made = fail(Code::kInvalidArgument, "at most 16 homes");
  }
  for (RouteParts& route : routes) {
    if (made) made = store->state_->route(std::move(route));
  }
  ReplicatedStore* const fallback = store->state_->by_placement[kDefaultPlacement];
  if (made && fallback == nullptr) {
    made = fail(Code::kInvalidArgument, "there is no default placement");
  }
  if (!made) {
    (void)co_await store->close();
    co_return std::unexpected(made.error());
  }
  for (ReplicatedStore*& one : store->state_->by_placement) {
    if (one == nullptr) one = fallback;
  }
  co_return store;
}

void PlacedStore::set_references(ReferenceSource* references) {
  for (NamedHome* home : state_->context.homes) home->references.set_references(references);
  if (references == nullptr || std::exchange(state_->is_keeping, true)) return;
  state_->keeper.start();
}

io::Task<Status> PlacedStore::put(ChunkId id, SealedChunk chunk, OwnerId owner) {
  return store_of(id).put(id, std::move(chunk), owner);
}
io::Task<Result<bool>> PlacedStore::link(ChunkId id, OwnerId owner) {
  return store_of(id).link(id, owner);
}
io::Task<void> PlacedStore::release(OwnerId owner, std::vector<ChunkId> ids) {
  // A release goes to every home, whatever the placement.
  return state_->stores.front()->release(owner, std::move(ids));
}
io::Task<Result<bool>> PlacedStore::unlink(ChunkId id, OwnerId owner) {
  return store_of(id).unlink(id, owner);
}
io::Task<Result<SealedRead>> PlacedStore::read(ChunkId id, ByteRange range, ReadOptions options) {
  return store_of(id).read(id, range, options);
}
io::Task<Status> PlacedStore::verify(ChunkId id) {
  return store_of(id).verify(id);
}
io::Task<Result<std::vector<ChunkStat>>> PlacedStore::list(std::optional<ChunkId> after,
                                                           size_t limit) {
  return list_homes(state_->context.homes, after, limit);
}
io::Task<Result<StoreUsage>> PlacedStore::usage() {
  return usage_of_homes(state_->context.homes);
}

io::Task<Status> PlacedStore::close() {
  ASSERT(!state_->closed);
  co_await state_->keeper.stop();
  co_await state_->context.lanes.close();
  Status first;
  for (const std::unique_ptr<State::Home>& home : state_->homes) {
    const Status closed = co_await home->store.close();
    if (first && !closed) first = closed;
  }
  state_->closed = true;
  co_return first;
}

const std::vector<NamedHome*>& PlacedStore::homes() const {
  return state_->context.homes;
}
std::vector<PlacementRoute*> PlacedStore::routes() const {
  std::vector<PlacementRoute*> routes;
  for (const std::unique_ptr<PlacementRoute>& route : state_->routes) {
    routes.push_back(route.get());
  }
  return routes;
}
PlacementRoute* PlacedStore::find_route(std::string_view name) const {
  for (const std::unique_ptr<PlacementRoute>& route : state_->routes) {
    if (route->placement().name == name) return route.get();
  }
  return nullptr;
}
NamedHome* PlacedStore::find_home(std::string_view name) const {
  const auto found = std::ranges::find(state_->context.homes, name, &NamedHome::name);
  return found == state_->context.homes.end() ? nullptr : *found;
}
ReplicatedStore& PlacedStore::store_of(const ChunkId& id) {
  return *state_->by_placement[placement_of(id)];
}
HomeKeeper& PlacedStore::keeper() {
  return state_->keeper;
}
void PlacedStore::survey_soon() {
  state_->context.survey_due = true;
}
bool PlacedStore::is_survey_due() const {
  return state_->context.survey_due.load();
}
ChunkStore* PlacedStore::store_of_home(const NamedHome& home) const {
  for (const std::unique_ptr<State::Home>& one : state_->homes) {
    if (&one->named == &home) return one->store.store();
  }
  return nullptr;
}

}  // namespace cairn::storage
