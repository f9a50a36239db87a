/* What every load needs: calls with their meaning, and a place for findings. */
#include "tests/soak/soak.h"

#include "wire/pb.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void __attribute__((format(printf, 3, 0)))
line(struct soak *s, struct text *out, const char *format, va_list list)
{
    char words[1024];
    vsnprintf(words, sizeof words, format, list);
    text_printf(out, "%10.3f s  %s\n", (double)sim_now(s->sim) / 1e9, words);
}

void soak_fail(struct soak *s, const char *format, ...)
{
    va_list list;
    if (++s->failures > SOAK_FAILURES)
        return;
    va_start(list, format);
    line(s, &s->report, format, list);
    va_end(list);
}

void soak_note(struct soak *s, const char *format, ...)
{
    struct text words = TEXT_INIT;
    va_list list;
    if (!s->verbose)
        return;
    va_start(list, format);
    line(s, &words, format, list);
    va_end(list);
    fputs(text_string(&words), stderr);
    text_deinit(&words);
}

struct rpc_channel *soak_channel(struct soak *s, const char *component)
{
    char address[SIM_MICRO_ADDRESS_MAX];
    struct rpc_channel *channel = map_get(&s->channels, component);
    if (channel)
        return channel;
    if (strcmp(component, SOAK_SECOND_CONFIG) == 0)
        snprintf(address, sizeof address, "%s:%d", component, sim_micro_port(component_find("config")));
    else
        sim_micro_address(component, address);
    const struct rpc_channel_options options = {.addresses = address,
                                                .connect_timeout = (uint64_t)SECOND,
                                                .reconnect_max = (uint64_t)(500 * MILLISECOND),
                                                .keepalive_every = (uint64_t)(2 * SECOND),
                                                .keepalive_timeout = (uint64_t)(2 * SECOND)};
    if (rpc_channel_new(s->world, &options, &channel, NULL) != 0 || !map_put(&s->channels, component, channel))
        abort();
    return channel;
}

/* Only a refusal by name says that nothing happened; everything that may come from a crash, a partition or a full disk
 * leaves it open. */
static enum soak_end meaning(int status)
{
    switch (status) {
    case GRPC_OK:
        return SOAK_OK;
    case GRPC_INVALID_ARGUMENT:
    case GRPC_NOT_FOUND:
    case GRPC_ALREADY_EXISTS:
    case GRPC_PERMISSION_DENIED:
    case GRPC_UNAUTHENTICATED:
    case GRPC_FAILED_PRECONDITION:
    case GRPC_UNIMPLEMENTED:
        return SOAK_REFUSED;
    default:
        return SOAK_UNKNOWN;
    }
}

struct pending {
    struct soak *soak;
    const ProtobufCMessageDescriptor *reply;
    soak_done *done;
    void *arg;
};

static void on_reply(void *arg, const struct rpc_reply *reply)
{
    struct pending p = *(struct pending *)arg;
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *message = NULL;
    struct soak_answer answer = {.end = meaning(reply->status), .status = reply->status};
    free(arg);
    answer.message =
        arena_string_n(&arena, reply->message.data ? (const char *)reply->message.data : "", reply->message.len);
    if (answer.end == SOAK_OK && pb_unpack(p.reply, reply->body, &arena, &message, NULL) != 0)
        soak_fail(p.soak, "an answer cannot be read as %s", p.reply->name);
    answer.reply = message;
    p.soak->in_flight--;
    p.soak->answered += reply->status == GRPC_OK;
    p.done(p.arg, &answer);
    arena_deinit(&arena);
}

void soak_call(struct soak *s, const char *component, const char *path, const char *token,
               const ProtobufCMessage *request, const ProtobufCMessageDescriptor *reply, soak_done *done, void *arg)
{
    struct pending *p = calloc(1, sizeof *p);
    struct text packed = TEXT_INIT, bearer = TEXT_INIT;
    if (!p || pb_pack(request, &packed) != 0)
        abort();
    *p = (struct pending){s, reply, done, arg};
    text_printf(&bearer, "Bearer %s", token ? token : s->token);
    const struct grpc_header headers[] = {{bytes_of("micro-namespace"), bytes_of("micro")},
                                          {bytes_of("authorization"), text_bytes(&bearer)}};
    const struct rpc_request r = {.path = path,
                                  .metadata = {headers, token && !*token ? 1 : 2},
                                  .timeout = SOAK_CALL,
                                  .message = text_bytes(&packed),
                                  .has_message = true};
    s->calls++;
    s->in_flight++;
    if (rpc_unary(soak_channel(s, component), &r, on_reply, p, NULL, NULL) != 0)
        abort();
    text_deinit(&packed);
    text_deinit(&bearer);
}

/* Of its own, for the answer may come when nobody waits any more. */
struct waiting {
    struct arena *arena;
    const ProtobufCMessageDescriptor *descriptor;
    struct soak_answer answer;
    bool done, given_up;
};

static void waited(void *arg, const struct soak_answer *answer)
{
    struct waiting *w = arg;
    struct text packed = TEXT_INIT;
    ProtobufCMessage *copy = NULL;
    if (w->given_up) {
        free(w);
        return;
    }
    w->answer = *answer;
    w->answer.message = arena_string(w->arena, answer->message);
    if (answer->reply && (pb_pack(answer->reply, &packed) != 0 ||
                          pb_unpack(w->descriptor, text_bytes(&packed), w->arena, &copy, NULL) != 0))
        abort();
    w->answer.reply = copy;
    w->done = true;
    text_deinit(&packed);
}

static bool is_done(void *arg)
{
    return ((const struct waiting *)arg)->done;
}

struct soak_answer soak_wait(struct soak *s, struct arena *arena, const char *component, const char *path,
                             const char *token, const ProtobufCMessage *request,
                             const ProtobufCMessageDescriptor *reply)
{
    struct soak_answer answer = {.end = SOAK_UNKNOWN, .status = GRPC_UNKNOWN, .message = ""};
    struct waiting *w = calloc(1, sizeof *w);
    if (!w)
        abort();
    *w = (struct waiting){.arena = arena, .descriptor = reply};
    soak_call(s, component, path, token, request, reply, waited, w);
    if (world_run_until(s->world, is_done, w, 2 * SOAK_CALL) == 0) {
        answer = w->answer;
        free(w);
    } else {
        soak_fail(s, "%s was never answered", path);
        w->given_up = true;
    }
    return answer;
}
