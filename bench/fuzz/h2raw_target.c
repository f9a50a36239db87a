/* Raw bytes straight behind a client's preface and SETTINGS. */
#include "bench/fuzz/kit.h"
#include "fuzz/loop/grpc_frames.h"

static void run(void *state, const struct fuzz_case *c, struct fuzz_trace *t)
{
    struct bytes raw = BYTES_NONE;
    for (size_t i = 0; i < c->events.count; i++)
        if (c->events.items[i].kind == EVENT_BYTES)
            raw = fuzz_case_bytes(c, c->events.items[i].value);
    fuzz_grpc_raw(((struct order_kit *)state)->grpc, raw, t);
}

/* The frames of one placed order. */
static int seed(size_t i, struct fuzz_case *out)
{
    struct text block = TEXT_INIT, frames = TEXT_INIT, sample = TEXT_INIT;
    static const char *const fields[][2] = {{":method", "POST"},   {":scheme", "http"},
                                            {":path", ORDER_PATH}, {":authority", "memory"},
                                            {"te", "trailers"},    {"content-type", "application/grpc+proto"}};
    int rc = i ? ERROR_NOT_FOUND : order_sample(&sample);
    for (size_t n = 0; rc == 0 && n < sizeof fields / sizeof fields[0]; n++)
        grpc_frames_field(&block, bytes_of(fields[n][0]), bytes_of(fields[n][1]));
    if (rc == 0) {
        frame_put(&frames, FRAME_HEADERS, FRAME_END_HEADERS, 1, text_bytes(&block));
        grpc_frames_message(&frames, 1, text_bytes(&sample), 0, true, &block);
        rc = fuzz_case_add(out, &(struct fuzz_event){.kind = EVENT_BYTES}, BYTES_NONE, text_bytes(&frames));
    }
    text_deinit(&block);
    text_deinit(&frames);
    text_deinit(&sample);
    return rc < 0 ? rc : 0;
}

const struct fuzz_target fuzz_target = {.name = "h2raw",
                                        .summary = "bytes to an HTTP/2 server, in memory",
                                        .setup = order_service,
                                        .teardown = order_service_end,
                                        .run = run,
                                        .seed = seed};
