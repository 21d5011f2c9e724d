// The transport over gRPC's completion queues. A thread waits on the queue of the unary calls; each
// watch stream has a queue of its own, on which the thread that reads the stream waits.
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/channel_arguments.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <fstream>
#include <sstream>
#include <thread>
#include <utility>

#include "catalog/etcd/transport.h"

namespace cairn::catalog::etcd {
namespace {

inline constexpr int kReconnectMinMs = 50;
inline constexpr int kReconnectMaxMs = 500;
// etcd answers pings more frequent than every 5 s with GOAWAY (--grpc-keepalive-min-time).
inline constexpr int kKeepaliveMs = 10'000;
inline constexpr int kKeepaliveTimeoutMs = 2'000;
// A bootstrap page holds at least one value of up to etcd's request limit, however it was set.
inline constexpr int kReceiveBytesMax = 256 << 20;

std::chrono::system_clock::time_point after(Duration wait) {
  return std::chrono::system_clock::now() + std::chrono::nanoseconds(wait.nanoseconds);
}

grpc::ByteBuffer to_buffer(std::string bytes) {
  const grpc::Slice slice(bytes);
  return {&slice, 1};
}

std::string to_string(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string bytes;
  if (!buffer.Dump(&slices).ok()) return bytes;
  bytes.reserve(buffer.Length());
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

// A unary call: its own tag in the queue, freed when it completes.
struct Call {
  grpc::ClientContext context;
  grpc::ByteBuffer answer;
  grpc::Status status;
  std::unique_ptr<grpc::GenericClientAsyncResponseReader> reader;
  std::move_only_function<void(RpcReply)> done;
};

void prepare(grpc::ClientContext& context, const std::string& token) {
  // A member that lost its leader says so at once instead of keeping us waiting.
  context.AddMetadata("hasleader", "true");
  if (!token.empty()) context.AddMetadata("token", token);
}

class GrpcWatch final : public WatchStream {
 public:
  GrpcWatch(const std::shared_ptr<grpc::Channel>& channel, const std::string& token,
            const char* method, std::string first)
      : stub_(channel) {
    prepare(context_, token);
    pending_.push_back(std::move(first));
    stream_ = stub_.PrepareCall(&context_, method, &queue_);
    stream_->StartCall(tag(Tag::kStart));
  }
  ~GrpcWatch() override {
    context_.TryCancel();
    while (!ended_) step(after(seconds(1)));
    queue_.Shutdown();
    void* ignored = nullptr;
    bool ok = false;
    while (queue_.Next(&ignored, &ok)) {
    }
  }
  GrpcWatch(const GrpcWatch&) = delete;
  GrpcWatch& operator=(const GrpcWatch&) = delete;

  Result<std::optional<std::string>> next(Duration wait) override {
    const auto until = after(wait);
    while (!ended_) {
      if (message_) return std::exchange(message_, std::nullopt);
      if (!step(until)) return std::optional<std::string>();
    }
    return fail(Code::kUnavailable, "the stream of etcd ended: " + status_.error_message());
  }

  void send(std::string request) override {
    const std::lock_guard lock(mutex_);
    pending_.push_back(std::move(request));
    write_next();
  }

  void cancel() override { context_.TryCancel(); }

 private:
  enum class Tag : uintptr_t { kStart = 1, kRead, kWrite, kFinish };
  static void* tag(Tag which) { return reinterpret_cast<void*>(which); }

  // Handles one event of the queue; false when none came in time.
  bool step(std::chrono::system_clock::time_point until) {
    void* which = nullptr;
    bool ok = false;
    if (queue_.AsyncNext(&which, &ok, until) != grpc::CompletionQueue::GOT_EVENT) return false;
    switch (static_cast<Tag>(reinterpret_cast<uintptr_t>(which))) {
      case Tag::kStart:
      case Tag::kRead: on_read(which == tag(Tag::kRead), ok); break;
      case Tag::kWrite: on_written(ok); break;
      case Tag::kFinish: ended_ = true; break;
    }
    return true;
  }

  void on_read(bool has_message, bool ok) {
    if (!ok) {
      const std::lock_guard lock(mutex_);
      is_open_ = false;
      stream_->Finish(&status_, tag(Tag::kFinish));
      return;
    }
    if (has_message) {
      message_ = to_string(incoming_);
    } else {
      const std::lock_guard lock(mutex_);
      is_open_ = true;
      write_next();
    }
    stream_->Read(&incoming_, tag(Tag::kRead));
  }

  void on_written(bool ok) {
    const std::lock_guard lock(mutex_);
    is_writing_ = false;
    if (ok) write_next();
  }

  // REQUIRES: the mutex is held.
  void write_next() {
    if (!is_open_ || is_writing_ || pending_.empty()) return;
    is_writing_ = true;
    stream_->Write(to_buffer(std::move(pending_.front())), tag(Tag::kWrite));
    pending_.pop_front();
  }

  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  grpc::GenericStub stub_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_;
  // The reading thread's.
  grpc::ByteBuffer incoming_;
  std::optional<std::string> message_;
  grpc::Status status_;
  bool ended_ = false;

  std::mutex mutex_;  // Guards the rest.
  std::deque<std::string> pending_;
  bool is_open_ = false;
  bool is_writing_ = false;
};

class GrpcTransport final : public Transport {
 public:
  GrpcTransport(const Access& access, const std::shared_ptr<grpc::ChannelCredentials>& who) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kReconnectMinMs);
    arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kReconnectMaxMs);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kReconnectMaxMs);
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
    // A call that was handed to a member is never sent twice behind our back.
    arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
    arguments.SetMaxReceiveMessageSize(kReceiveBytesMax);
    for (const std::string& endpoint : access.endpoints) {
      channels_.push_back(grpc::CreateCustomChannel(endpoint, who, arguments));
    }
    thread_ = std::thread([this] { complete_calls(); });
  }
  ~GrpcTransport() override {
    queue_.Shutdown();
    thread_.join();
  }
  GrpcTransport(const GrpcTransport&) = delete;
  GrpcTransport& operator=(const GrpcTransport&) = delete;

  size_t endpoints_count() const override { return channels_.size(); }

  void start(size_t endpoint, const char* method, std::string request, Duration timeout,
             std::move_only_function<void(RpcReply)> done) override {
    auto call = std::make_unique<Call>();
    const bool asks_for_token = std::string_view(method) == kAuthenticatePath;
    prepare(call->context, asks_for_token ? std::string() : token());
    call->context.set_deadline(after(timeout));
    call->done = std::move(done);
    grpc::GenericStub stub(channels_[endpoint]);
    call->reader =
        stub.PrepareUnaryCall(&call->context, method, to_buffer(std::move(request)), &queue_);
    call->reader->StartCall();
    Call* started = call.release();
    started->reader->Finish(&started->answer, &started->status, started);
  }

  std::unique_ptr<WatchStream> open_stream(size_t endpoint, const char* method,
                                           std::string first) override {
    return std::make_unique<GrpcWatch>(channels_[endpoint], token(), method, std::move(first));
  }

  void set_token(std::string token) override {
    const std::lock_guard lock(mutex_);
    token_ = std::move(token);
  }
  std::string token() override {
    const std::lock_guard lock(mutex_);
    return token_;
  }

 private:
  void complete_calls() {
    void* which = nullptr;
    bool ok = false;
    while (queue_.Next(&which, &ok)) {
      const std::unique_ptr<Call> call(static_cast<Call*>(which));
      RpcReply reply;
      reply.code = static_cast<RpcCode>(call->status.error_code());
      reply.message = call->status.error_message();
      if (call->status.ok()) reply.body = to_string(call->answer);
      call->done(std::move(reply));
    }
  }

  std::vector<std::shared_ptr<grpc::Channel>> channels_;
  grpc::CompletionQueue queue_;
  std::mutex mutex_;
  std::string token_;
  std::thread thread_;
};

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  if (!file || !(bytes << file.rdbuf())) {
    return fail(Code::kInvalidArgument, "cannot read the file for TLS to etcd: " + path);
  }
  return std::move(bytes).str();
}

Result<std::shared_ptr<grpc::ChannelCredentials>> make_credentials(const Access& access) {
  if (!access.use_tls) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions options;
  const std::pair<const std::string&, std::string&> files[] = {
      {access.ca_file, options.pem_root_certs},
      {access.certificate_file, options.pem_cert_chain},
      {access.key_file, options.pem_private_key}};
  for (const auto& [path, into] : files) {
    if (path.empty()) continue;
    Result<std::string> bytes = read_file(path);
    if (!bytes) return std::unexpected(std::move(bytes.error()));
    into = std::move(*bytes);
  }
  return grpc::SslCredentials(options);
}

}  // namespace

Result<std::unique_ptr<Transport>> Transport::create(const Access& access) {
  if (access.endpoints.empty()) {
    return fail(Code::kInvalidArgument, "etcd needs at least one endpoint, as host:port");
  }
  const auto credentials = make_credentials(access);
  if (!credentials) return std::unexpected(credentials.error());
  return std::make_unique<GrpcTransport>(access, *credentials);
}

}  // namespace cairn::catalog::etcd
