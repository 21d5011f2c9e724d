// A store of packs against an upstream that misbehaves as a script says: a listing that names an
// object twice or does not go on, an ETag without end, a removal that is carried out when nobody
// expects it any more. And the local snapshot, which cannot be read when it is wanted.
#include "storage/s3_store.h"
#include "tests/support/chunk_samples.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/memory_upstream.h"
#include "tests/support/temporary_directory.h"
#include "tests/unit/transfer/scripted_server.h"

namespace cairn::storage {
namespace {

using testing_support::CallRecord;
using testing_support::Fault;
using testing_support::FaultyFileSystem;
using testing_support::FileCall;
using testing_support::MemoryUpstream;
using testing_support::sample_bytes;
using testing_support::sample_chunk;
using testing_support::sample_header;
using testing_support::sample_id;
using testing_support::sample_owner;
using transfer::SeenRequest;

constexpr size_t kChunkBytes = 50'000;

class PacksUpstreamTest : public transfer::ScriptedServerTest {
 public:
  PacksUpstreamTest() {
    handler.answer = [this](const SeenRequest& request) { return upstream.answer(request); };
  }

  S3StoreOptions options(bool with_snapshot = false) {
    S3StoreOptions options;
    options.place = {"home", "packs/", {}};
    options.place.client.endpoint = "http://127.0.0.1:" + std::to_string(server->local().port);
    options.place.client.addressing = transfer::Addressing::kPath;
    options.place.client.http.retry.attempts_max = 1;
    options.store_id = {1, 2, 3};
    options.create = true;
    options.references = &references;
    options.files = &files;
    options.gather_delay = Duration{};
    options.upkeep_interval = Duration{};
    if (with_snapshot) options.snapshot_path = directory.sub("snapshot");
    return options;
  }
  static io::Task<std::unique_ptr<S3Store>> open(S3StoreOptions with) {
    Result<std::unique_ptr<S3Store>> store = co_await S3Store::open(std::move(with));
    EXPECT_TRUE(store.has_value()) << (store ? "" : store.error().message);
    co_return store ? std::move(*store) : nullptr;
  }
  static io::Task<void> put(S3Store& store, uint64_t number) {
    const Status done =
        co_await store.put(sample_id(number), sample_chunk(number, kChunkBytes), sample_owner(0));
    EXPECT_TRUE(done.has_value()) << (done ? "" : done.error().message);
  }
  static io::Task<void> put_together(S3Store& store, uint64_t count) {
    io::Scope scope;
    for (uint64_t number = 0; number < count; ++number) scope.spawn(put(store, number));
    co_await scope.join();
  }
  static io::Task<void> drop(S3Store& store, uint64_t number) {
    const Result<bool> dropped = co_await store.unlink(sample_id(number), sample_owner(0));
    EXPECT_TRUE(dropped.value_or(false));
  }
  static io::Task<void> expect_stored(S3Store& store, uint64_t number) {
    const Result<SealedRead> got = co_await store.read(sample_id(number), {0, kChunkBytes});
    EXPECT_TRUE(got.has_value()) << "chunk " << number << ": " << (got ? "" : got.error().message);
    if (!got) co_return;
    EXPECT_EQ(got->header, sample_header(number));
    EXPECT_TRUE(std::ranges::equal(got->payload.view(), sample_bytes(number, kChunkBytes)));
  }
  // What an object does whose bytes the store has already: links, or puts.
  static io::Task<void> store_again(S3Store& store, uint64_t number) {
    const Result<bool> there = co_await store.link(sample_id(number), sample_owner(1));
    EXPECT_TRUE(there.has_value());
    if (!there.value_or(false)) co_await put(store, number);
  }
  static io::Task<void> close(std::unique_ptr<S3Store> store) {
    const Status closed = co_await store->close();
    EXPECT_TRUE(closed.has_value());
  }

  MemoryUpstream upstream;
  testing_support::SampleReferences references;
  testing_support::TemporaryDirectory directory;
  FaultyFileSystem files{io::system_file_system()};

 protected:
  using Body = io::Task<void> (*)(PacksUpstreamTest&);
  void with_upstream(Body body) {
    body_ = body;
    with_client({}, [](transfer::ScriptedServerTest& base) {
      auto& self = static_cast<PacksUpstreamTest&>(base);
      return self.body_(self);
    });
  }

 private:
  Body body_ = nullptr;
};

TEST_P(PacksUpstreamTest, AnObjectThatIsListedTwiceIsOnePackAndStays) {
  with_upstream([](PacksUpstreamTest& self) -> io::Task<void> {
    auto store = co_await open(self.options());
    co_await put(*store, 1);
    co_await close(std::move(store));
    self.upstream.lists_twice = true;
    store = co_await open(self.options());
    EXPECT_EQ(store->recovery().packs_count, 1U);
    EXPECT_TRUE((co_await store->upkeep()).has_value());
    EXPECT_EQ(self.upstream.packs_count(), 1U);
    co_await expect_stored(*store, 1);
    co_await close(std::move(store));
  });
}

TEST_P(PacksUpstreamTest, AListingThatDoesNotGoOnEnds) {
  with_upstream([](PacksUpstreamTest& self) -> io::Task<void> {
    co_await close(co_await open(self.options()));
    self.upstream.lists_forever = true;
    const Result<std::unique_ptr<S3Store>> store = co_await S3Store::open(self.options());
    EXPECT_FALSE(store.has_value());
    if (!store) EXPECT_EQ(store.error().code, Code::kUnavailable);
  });
}

TEST_P(PacksUpstreamTest, AnETagWithoutEndIsNotKept) {
  with_upstream([](PacksUpstreamTest& self) -> io::Task<void> {
    self.upstream.etag_end = std::string(2000, 'e');
    auto store = co_await open(self.options(true));
    co_await put(*store, 1);
    co_await expect_stored(*store, 1);
    co_await close(std::move(store));
    store = co_await open(self.options(true));
    co_await expect_stored(*store, 1);
    co_await close(std::move(store));
  });
}

// The upstream carries a removal out after the server has started again and an object came that has
// the bytes of the pack.
TEST_P(PacksUpstreamTest, ALateRemovalTakesNothingWithItThatWasStoredSince) {
  with_upstream([](PacksUpstreamTest& self) -> io::Task<void> {
    auto store = co_await open(self.options());
    co_await put(*store, 1);
    co_await drop(*store, 1);
    self.upstream.deletes_late = true;
    EXPECT_FALSE((co_await store->upkeep()).has_value());
    EXPECT_EQ(self.upstream.late.size(), 1U);
    co_await close(std::move(store));

    self.upstream.deletes_late = false;
    store = co_await open(self.options());
    co_await store_again(*store, 1);
    self.upstream.delete_late_ones();
    co_await expect_stored(*store, 1);
    EXPECT_TRUE((co_await store->upkeep()).has_value());
    co_await expect_stored(*store, 1);
    EXPECT_EQ(self.upstream.packs_count(), 1U);
    EXPECT_EQ(self.upstream.objects.size(), 2U) << "FORMAT and the pack: nothing is left behind";
    co_await close(std::move(store));
    store = co_await open(self.options());
    co_await expect_stored(*store, 1);
    co_await close(std::move(store));
  });
}

// What a snapshot leaves out was dropped. A start that cannot read it finds the chunk in its pack
// again, and so may an object; the next start must not believe the snapshot either.
TEST_P(PacksUpstreamTest, ASnapshotThatCouldNotBeReadOnceIsNeverReadAgain) {
  with_upstream([](PacksUpstreamTest& self) -> io::Task<void> {
    auto store = co_await open(self.options(true));
    co_await put_together(*store, 4);
    EXPECT_EQ(self.upstream.packs_count(), 1U);
    co_await drop(*store, 1);
    co_await close(std::move(store));

    self.files.fail_nth(1, {Code::kIo, "injected"}, [](const CallRecord& call) {
      return call.call == FileCall::kOpen && call.path.ends_with("snapshot");
    });
    store = co_await open(self.options(true));
    co_await store_again(*store, 1);
    // It dies before it saves a snapshot of its own.
    self.files.set_rule([](const CallRecord& call) {
      return call.call == FileCall::kOpen ? Fault{.error = Error{Code::kIo, "killed"}} : Fault{};
    });
    (void)co_await store->close();
    store.reset();

    self.files.set_rule({});
    store = co_await open(self.options(true));
    for (uint64_t number = 0; number < 4; ++number) co_await expect_stored(*store, number);
    co_await close(std::move(store));
  });
}

INSTANTIATE_ON_BOTH_BACKENDS(PacksUpstreamTest);

}  // namespace
}  // namespace cairn::storage
