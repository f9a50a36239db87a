// shop.proto on gRPC C++, as a careful user of the library would write it: what harrow finds here is the library's or
// harrow's own fault. Prints "listening PORT" and serves until it is told to end. With "no-reflection" it does not
// describe itself.
#include "shop.grpc.pb.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <map>
#include <mutex>

using grpc::Status;
using grpc::StatusCode;

namespace {

constexpr size_t kItemsMax = 10000;
constexpr size_t kPageMax = 100;

class GreeterService final : public stock::Greeter::Service {
  Status SayHello(grpc::ServerContext *, const stock::HelloRequest *request, stock::HelloReply *reply) override {
    reply->set_message("Hello " + request->name());
    return Status::OK;
  }
};

class ShopService final : public stock::Shop::Service {
  std::mutex mutex_;
  std::map<std::string, stock::Item> items_;
  uint64_t last_ = 0;

  Status CreateItem(grpc::ServerContext *, const stock::CreateItemRequest *request, stock::Item *reply) override {
    if (request->item().name().empty())
      return Status(StatusCode::INVALID_ARGUMENT, "an item needs a name");
    std::lock_guard<std::mutex> lock(mutex_);
    if (items_.size() >= kItemsMax)
      items_.erase(items_.begin());
    *reply = request->item();
    reply->set_id("item-" + std::to_string(++last_));
    items_[reply->id()] = *reply;
    return Status::OK;
  }

  Status GetItem(grpc::ServerContext *, const stock::GetItemRequest *request, stock::Item *reply) override {
    std::lock_guard<std::mutex> lock(mutex_);
    auto found = items_.find(request->id());
    if (found == items_.end())
      return Status(StatusCode::NOT_FOUND, "no such item");
    *reply = found->second;
    return Status::OK;
  }

  Status UpdateItem(grpc::ServerContext *, const stock::UpdateItemRequest *request, stock::Item *reply) override {
    std::lock_guard<std::mutex> lock(mutex_);
    auto found = items_.find(request->item().id());
    if (found == items_.end())
      return Status(StatusCode::NOT_FOUND, "no such item");
    *reply = found->second = request->item();
    return Status::OK;
  }

  Status DeleteItem(grpc::ServerContext *, const stock::DeleteItemRequest *request,
                    stock::DeleteItemResponse *) override {
    std::lock_guard<std::mutex> lock(mutex_);
    if (items_.erase(request->id()) == 0)
      return Status(StatusCode::NOT_FOUND, "no such item");
    return Status::OK;
  }

  Status ListItems(grpc::ServerContext *, const stock::ListItemsRequest *request,
                   stock::ListItemsResponse *reply) override {
    std::lock_guard<std::mutex> lock(mutex_);
    size_t max = request->page_size() == 0 || request->page_size() > kPageMax ? kPageMax : request->page_size();
    for (auto at = items_.upper_bound(request->page_token()); at != items_.end(); ++at) {
      if (request->kind() != stock::KIND_UNSPECIFIED && at->second.kind() != request->kind())
        continue;
      *reply->add_items() = at->second;
      if (static_cast<size_t>(reply->items_size()) == max) {
        reply->set_next_page_token(at->first);
        break;
      }
    }
    return Status::OK;
  }

  Status WatchItems(grpc::ServerContext *context, const stock::ListItemsRequest *request,
                    grpc::ServerWriter<stock::Item> *writer) override {
    std::string after;
    for (size_t sent = 0; sent < kPageMax && !context->IsCancelled(); sent++) {
      stock::Item item;
      {
        std::lock_guard<std::mutex> lock(mutex_);
        auto next = items_.upper_bound(after);
        if (next == items_.end())
          break;
        after = next->first;
        item = next->second;
      }
      if (request->kind() == stock::KIND_UNSPECIFIED || item.kind() == request->kind())
        if (!writer->Write(item))
          break;
    }
    return Status::OK;
  }

  Status FillBasket(grpc::ServerContext *, grpc::ServerReader<stock::BasketEntry> *reader,
                    stock::Basket *reply) override {
    stock::BasketEntry entry;
    uint64_t price = 0;
    while (reader->Read(&entry)) {
      std::lock_guard<std::mutex> lock(mutex_);
      auto found = items_.find(entry.item_id());
      if (found == items_.end()) {
        reply->add_missing(entry.item_id());
        continue;
      }
      reply->set_count(reply->count() + entry.count());
      price += static_cast<uint64_t>(found->second.price()) * entry.count();
    }
    reply->set_price(static_cast<int64_t>(price));
    return Status::OK;
  }

  Status Chat(grpc::ServerContext *, grpc::ServerReaderWriter<stock::ChatMessage, stock::ChatMessage> *stream) override {
    stock::ChatMessage said;
    while (stream->Read(&said)) {
      stock::ChatMessage answer;
      answer.set_text("you said " + said.text());
      if (!stream->Write(answer))
        break;
    }
    return Status::OK;
  }
};

}  // namespace

int main(int argc, char **argv) {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  GreeterService greeter;
  ShopService shop;
  int port = 0, signal = 0;
  grpc::EnableDefaultHealthCheckService(true);
  if (argc < 2 || strcmp(argv[1], "no-reflection") != 0)
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&greeter);
  builder.RegisterService(&shop);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (!server)
    return 1;
  printf("listening %d\n", port);
  fflush(stdout);
  sigwait(&ends, &signal);
  server->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
  return 0;
}
