// One port, two doors: requests of AWS's query protocol go to accounts, all others to S3.
// Used on one reactor.
#pragma once

#include "http/server.h"
#include "query/door.h"
#include "s3/door.h"

namespace cairn::server {

class FrontDoor final : public http::Handler {
 public:
  // Both outlive it.
  FrontDoor(s3::Door& s3, query::Door& accounts) : s3_(s3), accounts_(accounts) {}

  io::Task<void> handle(http::Exchange& exchange) override {
    if (query::Door::wants(exchange.head())) return accounts_.handle(exchange);
    return s3_.handle(exchange);
  }
  void render_error(std::string_view reason, http::ResponseHead& head, std::string& body) override {
    s3_.render_error(reason, head, body);
  }
  void on_exchange_end(const http::ExchangeSummary& summary) override {
    if (summary.head != nullptr && query::Door::wants(*summary.head)) {
      accounts_.on_exchange_end(summary);
    } else {
      s3_.on_exchange_end(summary);
    }
  }

 private:
  s3::Door& s3_;
  query::Door& accounts_;
};

}  // namespace cairn::server
