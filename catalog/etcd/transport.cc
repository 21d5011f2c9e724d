#include "catalog/etcd/transport.h"

#include <future>
#include <utility>

#include "io/sync.h"

namespace cairn::catalog::etcd {

io::Task<RpcReply> Transport::call(size_t endpoint, const char* method, std::string request,
                                   Duration timeout) {
  const auto completion = io::Completion<RpcReply>::make();
  start(endpoint, method, std::move(request), timeout,
        [completion](RpcReply reply) { completion.complete(std::move(reply)); });
  co_return co_await completion.wait();
}

RpcReply Transport::call_blocking(size_t endpoint, const char* method, std::string request,
                                  Duration timeout) {
  std::promise<RpcReply> promise;
  std::future<RpcReply> reply = promise.get_future();
  start(endpoint, method, std::move(request), timeout,
        [&promise](RpcReply answer) { promise.set_value(std::move(answer)); });
  return reply.get();
}

}  // namespace cairn::catalog::etcd
