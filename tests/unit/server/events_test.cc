// Property: what webhooks receive is S3's event JSON whatever a key holds; targets are named once
// and well; names never lead to link-local addresses; the queue gives events back in order, once,
// and not those that were altered. Method: literals, and a catalog in memory.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "catalog/memory_catalog.h"
#include "io/sim_time.h"
#include "object/event_queue.h"
#include "server/event_json.h"
#include "server/webhook_connector.h"
#include "server/webhook_targets.h"

namespace cairn::server {
namespace {

object::Event sample() {
  object::Event event;
  event.name = "ObjectCreated:Put";
  event.at = WallTime{1'767'323'045'007};
  event.tenant = crypto::kRootTenant;
  event.bucket = "photos";
  event.key = "a b/\xc3\xbc\"+&.jpg";
  event.size_bytes = 12;
  event.etag = "d41d8cd98f00b204e9800998ecf8427e";
  event.version_id = "v1";
  event.principal = "alice";
  event.source_address = "10.0.0.9";
  event.request_id = "00AB";
  event.configuration_id = "rule-1";
  return event;
}

TEST(EventJson, IsTheMessageOfS3) {
  const auto json = nlohmann::json::parse(event_json(sample(), 0xABC, {"eu-west-1", "host"}));
  ASSERT_EQ(json["Records"].size(), 1u);
  const auto& record = json["Records"][0];
  EXPECT_EQ(record["eventVersion"], "2.2");
  EXPECT_EQ(record["eventSource"], "aws:s3");
  EXPECT_EQ(record["awsRegion"], "eu-west-1");
  EXPECT_EQ(record["eventTime"], "2026-01-02T03:04:05.007Z");
  EXPECT_EQ(record["eventName"], "ObjectCreated:Put");
  EXPECT_EQ(record["userIdentity"]["principalId"], "alice");
  EXPECT_EQ(record["requestParameters"]["sourceIPAddress"], "10.0.0.9");
  EXPECT_EQ(record["responseElements"]["x-amz-request-id"], "00AB");
  EXPECT_EQ(record["s3"]["configurationId"], "rule-1");
  EXPECT_EQ(record["s3"]["bucket"]["name"], "photos");
  EXPECT_EQ(record["s3"]["bucket"]["arn"], "arn:aws:s3:::photos");
  EXPECT_EQ(record["s3"]["object"]["key"], "a+b/%C3%BC%22%2B%26.jpg");
  EXPECT_EQ(record["s3"]["object"]["size"], 12);
  EXPECT_EQ(record["s3"]["object"]["eTag"], "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(record["s3"]["object"]["versionId"], "v1");
  EXPECT_EQ(record["s3"]["object"]["sequencer"], "0000000000000ABC");
}

TEST(EventJson, TestEventsHaveTheirOwnForm) {
  object::Event event = sample();
  event.name = kTestEventName;
  const auto json = nlohmann::json::parse(event_json(event, 1, {"r", "host"}));
  EXPECT_EQ(json["Service"], "Amazon S3");
  EXPECT_EQ(json["Event"], "s3:TestEvent");
  EXPECT_EQ(json["Bucket"], "photos");
  EXPECT_FALSE(json.contains("Records"));
}

TEST(WebhookTargets, AreNamedOnceAndHaveTheirTokens) {
  const auto targets = parse_webhooks({"a=http://h:1/x", "b-2=https://h/"}, {"b-2=secret=1"});
  ASSERT_TRUE(targets) << targets.error().message;
  EXPECT_EQ((*targets)[0].url.port, 1);
  EXPECT_TRUE((*targets)[0].token.empty());
  EXPECT_EQ((*targets)[1].token, "secret=1");
  EXPECT_FALSE(parse_webhooks({"a=http://h/", "a=http://i/"}, {}));
  EXPECT_FALSE(parse_webhooks({"=http://h/"}, {}));
  EXPECT_FALSE(parse_webhooks({"a=ftp://h/"}, {}));
  EXPECT_FALSE(parse_webhooks({"a b=http://h/"}, {}));
  EXPECT_FALSE(parse_webhooks({"a=http://u:p@h/"}, {}));
  const auto wrong = parse_webhooks({"a=http://h/"}, {"c=hush"});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().message.find("hush"), std::string::npos);
}

TEST(WebhookConnector, NamesDoNotLeadToLinkLocalAddresses) {
  for (const char* bad : {"169.254.169.254", "0.0.0.0", "224.0.0.1", "255.255.255.255", "fe80::1",
                          "::", "ff02::1", "::ffff:169.254.169.254"}) {
    EXPECT_FALSE(may_name_lead_to({bad, 80})) << bad;
  }
  for (const char* good :
       {"127.0.0.1", "10.1.2.3", "192.168.1.1", "8.8.8.8", "::1", "fd00::1", "2001:db8::1"}) {
    EXPECT_TRUE(may_name_lead_to({good, 80})) << good;
  }
  EXPECT_FALSE(may_name_lead_to({"example.org", 80}));
}

class EventQueueTest : public testing::Test {
 protected:
  EventQueueTest() : reactor_(std::move(*io::create_simulated_reactor(clock_))) {
    EXPECT_TRUE(keys_.create_version(crypto::kRootTenant, random_));
  }
  template <typename T>
  T wait(io::Task<T> task) {
    return reactor_->run(std::move(task));
  }
  // Adds as a write's commit does.
  io::Task<Status> add(object::EventQueue& queue, std::string target, object::Event event) {
    catalog::Batch batch;
    EXPECT_TRUE(queue.add(target, 7, event, batch));
    co_await io::or_return(catalog_->commit(std::move(batch)));
    co_return Status();
  }

  io::SimClock clock_;
  std::unique_ptr<io::Reactor> reactor_;
  SeededRandom random_{1};
  crypto::KeyRing keys_{crypto::SecretKey(BytesView(Bytes(32, 5)))};
  std::unique_ptr<catalog::Catalog> catalog_ = catalog::make_memory_catalog();
};

TEST_F(EventQueueTest, GivesEventsBackInOrderUntilTheyAreRemoved) {
  object::EventQueue queue(*catalog_, keys_);
  ASSERT_TRUE(wait(queue.load({"a", "ab"})));
  for (int i = 0; i < 5; ++i) {
    object::Event event = sample();
    event.key = "k" + std::to_string(i);
    ASSERT_TRUE(wait(add(queue, "a", event)));
  }
  ASSERT_TRUE(wait(add(queue, "ab", sample())));  // Another target, with the first one's prefix.
  EXPECT_EQ(queue.depth(), 6u);
  auto events = *wait(queue.read("a", {}, 100));
  ASSERT_EQ(events.size(), 5u);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(events[i].event->key, "k" + std::to_string(i));
    EXPECT_EQ(events[i].bucket_id, 7u);
    if (i > 0) EXPECT_GT(events[i].sequencer, events[i - 1].sequencer);
  }
  ASSERT_TRUE(wait(queue.remove({events[0].row, events[1].row})));
  // A new queue over the same rows, as after a restart.
  object::EventQueue again(*catalog_, keys_);
  ASSERT_TRUE(wait(again.load({"a", "ab"})));
  EXPECT_EQ(again.depth(), 4u);
  events = *wait(again.read("a", {}, 100));
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[0].event->key, "k2");
  EXPECT_EQ(wait(again.read("a", events[0].row, 100))->size(), 2u);
  // Its events come after those that are there, although the clock stood still.
  ASSERT_TRUE(wait(add(again, "a", sample())));
  EXPECT_EQ(wait(again.read("a", {}, 100))->back().event->key, sample().key);
}

TEST_F(EventQueueTest, AnAlteredRowHasNoEvent) {
  object::EventQueue queue(*catalog_, keys_);
  ASSERT_TRUE(wait(queue.load({"a"})));
  ASSERT_TRUE(wait(add(queue, "a", sample())));
  catalog::Batch none;
  EXPECT_FALSE(queue.add("unknown", 7, sample(), none));
  EXPECT_EQ(queue.dropped_count(), 1u);
  const std::string row = wait(queue.read("a", {}, 1))->front().row;
  catalog::Batch batch;
  std::string value = (*wait(catalog_->get(row)))->value;
  value.back() = static_cast<char>(value.back() ^ 1);
  batch.puts.push_back({row, value});
  ASSERT_TRUE(wait(catalog_->commit(std::move(batch))));
  EXPECT_FALSE(wait(queue.read("a", {}, 1))->front().event);
}

}  // namespace
}  // namespace cairn::server
