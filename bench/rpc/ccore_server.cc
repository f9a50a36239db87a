// The rival: the same echo on gRPC C-core, as it is used from C++ when speed matters: the asynchronous server, one
// completion queue, one thread polling it, many calls asked for in advance. Prints "listening PORT".
#include <grpcpp/grpcpp.h>

#include <cstdio>
#include <memory>

#include "echo.grpc.pb.h"

namespace {

constexpr int kWaitingCalls = 256;

class Call {
public:
    Call(harrow::bench::Echo::AsyncService *service, grpc::ServerCompletionQueue *queue)
        : service_(service), queue_(queue) {
        Ask();
    }

    void Proceed(bool ok) {
        if (!ok) {
            delete this;
        } else if (!answering_) {
            answering_ = true;
            responder_->Finish(request_, grpc::Status::OK, this);
        } else {
            Ask();
        }
    }

private:
    void Ask() {
        answering_ = false;
        context_ = std::make_unique<grpc::ServerContext>();
        responder_ = std::make_unique<grpc::ServerAsyncResponseWriter<harrow::bench::Payload>>(context_.get());
        request_.Clear();
        service_->RequestCall(context_.get(), &request_, responder_.get(), queue_, queue_, this);
    }

    harrow::bench::Echo::AsyncService *service_;
    grpc::ServerCompletionQueue *queue_;
    std::unique_ptr<grpc::ServerContext> context_;
    std::unique_ptr<grpc::ServerAsyncResponseWriter<harrow::bench::Payload>> responder_;
    harrow::bench::Payload request_;
    bool answering_ = false;
};

}  // namespace

int main() {
    harrow::bench::Echo::AsyncService service;
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&service);
    std::unique_ptr<grpc::ServerCompletionQueue> queue = builder.AddCompletionQueue();
    std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
    if (!server) {
        std::fprintf(stderr, "rpc_bench_ccore: cannot listen\n");
        return 1;
    }
    std::printf("listening %d\n", port);
    std::fflush(stdout);
    for (int i = 0; i < kWaitingCalls; i++) new Call(&service, queue.get());
    void *tag;
    bool ok;
    while (queue->Next(&tag, &ok)) static_cast<Call *>(tag)->Proceed(ok);
    return 0;
}
