// What a peer sends on a connection to etcd: anything, in pieces. Laws: a call is answered at most
// once, an answer that counts has a body within its bound, a refusal has none, and nothing is
// started on a connection that is of no more use.
// The first byte of each piece is its length; every piece of length 0 begins a call.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "catalog/etcd/rpc_session.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cairn;
  using namespace cairn::catalog::etcd;
  RpcSession session("host:2379", false);
  bool is_asked = false;
  const auto start = [&] {
    if (is_asked || !session.can_start()) return;
    is_asked = session.start("/etcdserverpb.KV/Range", "token", "question").has_value();
  };
  start();
  for (size_t at = 0; at < size;) {
    const size_t piece = std::min<size_t>(data[at], size - at - 1);
    ++at;
    if (piece == 0) start();
    std::string output;
    if (!session.take_output(output)) return 0;
    const BytesView received(data + at, piece);
    if (!session.take_in(received)) return 0;
    at += piece;
    if (!session.is_answered()) continue;
    if (!is_asked) std::abort();
    is_asked = false;
    const RpcReply reply = session.take_reply();
    if (session.is_answered()) std::abort();
    if (reply.body.size() > kRpcAnswerBytesMax || reply.message.size() > kRpcReasonBytesMax) {
      std::abort();
    }
    if (reply.code != RpcCode::kOk && !reply.body.empty()) std::abort();
  }
  return 0;
}
