/* Calls, and what became of them in words and exit codes. */
#include "runtime/cli/cli.h"

#include "base/json_text.h"
#include "base/units.h"
#include "runtime/relay/relay.h"
#include "runtime/service/service.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define METADATA_MAX 64
#define NAME_MAX_LEN 256

struct call {
    struct cli *cli;
    const struct cli_call *what;
    bool done, too_much, stopped;
    bool fed; /* the last message of the request was sent */
    size_t received;
    int exit_code, error_code;
    bool hint_login;
    struct rpc_stream *stream;
};

/* ---- failures ---- */

static bool is_micro_error(struct bytes message)
{
    return message.len > 0 && message.data[0] == '{';
}

static void judge(struct call *k, const struct rpc_reply *reply)
{
    struct micro_error e;
    const char *service = k->what->service, *endpoint = k->what->endpoint;
    bool quiet = k->what->quiet;
    micro_error_parse(reply->status, reply->message, &e);
    k->error_code = e.code;
    int code;
    const char *words = e.detail;
    if (is_micro_error(reply->message)) {
        /* Only the proxy's word is about the service that was called; the service's own may be about another one. */
        bool proxy = strcmp(e.id, RELAY_ERROR_ID) == 0;
        bool no_service = proxy && e.code == 404, no_node = proxy && e.code == 503;
        code = e.code == 408           ? CLI_TIMEOUT
               : e.code == 401         ? CLI_UNAUTHORIZED
               : no_service || no_node ? CLI_NOT_FOUND
                                       : CLI_FAILED;
        if (no_service && !quiet) {
            k->exit_code = strcasecmp(words, "service not found") == 0
                               ? cli_fail(code, "service not found: %s", service)
                               : cli_fail(code, "%s", words);
            return;
        }
    } else if (reply->status == GRPC_DEADLINE_EXCEEDED) {
        code = CLI_TIMEOUT;
    } else if (reply->status == GRPC_UNAUTHENTICATED) {
        code = CLI_UNAUTHORIZED;
    } else if (reply->status == GRPC_UNAVAILABLE) {
        code = CLI_NOT_FOUND;
    } else if (reply->status == GRPC_UNIMPLEMENTED) {
        code = CLI_NO_METHOD;
    } else if (reply->status == GRPC_INVALID_ARGUMENT) {
        code = CLI_MALFORMED;
    } else {
        code = CLI_UNKNOWN;
    }
    k->exit_code = code;
    if (quiet)
        return;
    if (code == CLI_TIMEOUT)
        cli_fail(code, "Request timed out");
    else if (code == CLI_NOT_FOUND)
        cli_fail(code, "cannot connect to %s: %s", service, words[0] ? words : "no answer");
    else if (code == CLI_NO_METHOD)
        cli_fail(code, "method not found: %s %s (%s)", service, endpoint, words);
    else
        cli_fail(code, "%s", words[0] ? words : grpc_status_name(reply->status));
    if (code == CLI_UNAUTHORIZED && k->hint_login)
        cli_fail(code, "Log in first: micro login");
}

/* ---- the call ---- */

static void on_message(void *arg, struct bytes message)
{
    struct call *k = arg;
    k->received += message.len;
    if (k->received > CLI_ANSWERS_MAX && k->what->timeout > 0) {
        k->too_much = true;
        rpc_stream_cancel(k->stream);
    } else if (k->what->message && !k->stopped) {
        k->what->message(k->what->arg, message);
        /* Nobody reads what we print: there is no reason to hear more. */
        k->stopped = (k->what->stop && *k->what->stop) || ferror(stdout);
        if (k->stopped)
            rpc_stream_cancel(k->stream);
    }
}

/* Sends until the other side is busy. */
static void feed_on(struct call *k)
{
    struct text json = TEXT_INIT;
    while (!k->fed && !rpc_stream_busy(k->stream)) {
        text_clear(&json);
        k->fed = !k->what->feed(k->what->feed_arg, &json);
        if (k->fed)
            (void)rpc_stream_half_close(k->stream);
        else if (!text_ok(&json) || rpc_stream_send(k->stream, text_bytes(&json)) != 0) {
            k->fed = true;
            rpc_stream_cancel(k->stream);
        }
    }
    text_deinit(&json);
}

static void on_writable(void *arg)
{
    struct call *k = arg;
    if (k->what->feed)
        feed_on(k);
}

static void on_finished(void *arg, const struct rpc_reply *reply)
{
    struct call *k = arg;
    k->done = true;
    k->exit_code = CLI_OK;
    if (k->too_much)
        k->exit_code = cli_fail(CLI_MALFORMED, "the answer is larger than %zu MB", CLI_ANSWERS_MAX >> 20);
    else if (reply->status != GRPC_OK && !k->stopped)
        judge(k, reply);
}

static bool is_done(void *arg)
{
    const struct call *k = arg;
    return k->done;
}

/* "Helloworld.Call" into "/helloworld.Helloworld/Call". */
static int make_path(const char *service, const char *endpoint, char *out, size_t size)
{
    const char *dot = strrchr(endpoint, '.');
    if (!dot || dot == endpoint || !dot[1] || strchr(endpoint, '/') || strlen(endpoint) > NAME_MAX_LEN)
        return cli_fail(CLI_MALFORMED, "malformed endpoint \"%.80s\": it is written Type.Method", endpoint);
    snprintf(out, size, "/%s.%.*s/%s", service, (int)(dot - endpoint), endpoint, dot + 1);
    return CLI_OK;
}

/* "key=value" pairs; names go in lower case. */
static int add_metadata(const struct option_list *pairs, struct arena *arena, struct grpc_header *headers,
                        size_t *count)
{
    for (size_t i = 0; pairs && i < pairs->count; i++) {
        const char *equal = strchr(pairs->items[i], '=');
        if (!equal || equal == pairs->items[i])
            return cli_fail(CLI_MALFORMED, "malformed metadata \"%.80s\": it is written key=value", pairs->items[i]);
        char *name = arena_string_n(arena, pairs->items[i], (size_t)(equal - pairs->items[i]));
        if (!name || *count >= METADATA_MAX)
            return cli_fail(CLI_MALFORMED, "too much metadata: at most %d pairs", METADATA_MAX - 2);
        for (char *p = name; *p; p++)
            *p = (char)tolower((unsigned char)*p);
        headers[(*count)++] = (struct grpc_header){bytes_of(name), bytes_of(equal + 1)};
    }
    return CLI_OK;
}

int cli_call(struct cli *c, const struct cli_call *what)
{
    static const struct rpc_stream_events events = {
        .message = on_message, .writable = on_writable, .finished = on_finished};
    struct call k = {.cli = c, .what = what, .exit_code = CLI_UNKNOWN};
    struct text address = TEXT_INIT, token = TEXT_INIT, bearer = TEXT_INIT;
    struct arena arena = ARENA_INIT;
    struct error err = ERROR_INIT;
    struct grpc_header headers[METADATA_MAX];
    size_t count = 0;
    char path[2 * NAME_MAX_LEN + 8];
    int code = CLI_OK;
    c->error_code = 0;
    if (what->address)
        text_puts(&address, what->address);
    else
        code = cli_address(c, what->service, &address);
    if (code == CLI_OK)
        code = make_path(what->service, what->endpoint, path, sizeof path);
    bool foreign = what->address && !what->ours;
    if (code == CLI_OK && foreign && c->token) /* not of our server: only a token given for it */
        text_puts(&token, c->token);
    else if (code == CLI_OK && !foreign && !what->anonymous)
        code = cli_token(c, &token);
    if (code == CLI_OK) {
        k.hint_login = token.len == 0;
        headers[count++] = (struct grpc_header){bytes_of("micro-namespace"), bytes_of(c->namespace)};
        if (token.len > 0) {
            text_printf(&bearer, "Bearer %s", text_string(&token));
            headers[count++] = (struct grpc_header){bytes_of("authorization"), text_bytes(&bearer)};
        }
        code = add_metadata(what->metadata, &arena, headers, &count);
    }
    if (code != CLI_OK)
        goto out;
    const struct rpc_request request = {
        .path = path,
        .metadata = {headers, count},
        .timeout = (uint64_t)what->timeout,
        .content_type = "application/grpc+json",
        .message = what->feed ? BYTES_NONE : bytes_of(what->json ? what->json : "{}"),
        .has_message = !what->feed,
    };
    int rc = cli_channel(c, text_string(&address), &err);
    if (rc == 0)
        rc = rpc_stream_open(c->channel, &request, &events, &k, &k.stream, &err);
    if (rc == 0 && what->feed)
        feed_on(&k);
    if (rc == 0) {
        rc = world_run_until(c->world, is_done, &k, 0);
        if (rc < 0) {
            error_set(&err, rc, "the call ended without an answer: %s", error_code_name(rc));
            rpc_stream_cancel(k.stream); /* it knows where `k` is: it has to end before us */
            (void)world_run_until(c->world, is_done, &k, 0);
        }
    }
    code = rc < 0 ? cli_fail_error(rc == ERROR_INVALID ? CLI_MALFORMED : CLI_UNKNOWN, &err) : k.exit_code;
    c->error_code = k.error_code;
out:
    k.done = true;
    text_deinit(&address);
    text_deinit(&token);
    text_deinit(&bearer);
    arena_deinit(&arena);
    error_clear(&err);
    return code;
}

/* ---- as JSON values ---- */

struct collected {
    json_t *value;
    bool bad;
};

static void collect(void *arg, struct bytes json)
{
    struct collected *to = arg;
    if (to->value)
        return;
    to->value = json_loadb((const char *)json.data, json.len, 0, NULL);
    to->bad = !to->value;
}

int cli_call_value(struct cli *c, const struct cli_call *what, json_t **reply)
{
    struct collected got = {0};
    struct cli_call call = *what;
    call.message = collect;
    call.arg = &got;
    *reply = NULL;
    int code = cli_call(c, &call);
    if (code == CLI_OK && !got.value)
        code = what->quiet ? CLI_MALFORMED
                           : cli_fail(CLI_MALFORMED, "malformed response from %s %s", what->service, what->endpoint);
    if (code == CLI_OK)
        *reply = got.value;
    else
        json_decref(got.value);
    return code;
}

static int call_json(struct cli *c, const char *service, const char *endpoint, json_t *request, int64_t timeout,
                     bool quiet, json_t **reply)
{
    char *text = request ? json_text_of(request, 0) : NULL;
    json_decref(request);
    *reply = NULL;
    if (!text)
        return cli_fail(CLI_MALFORMED, "the request is not valid UTF-8, or memory is short");
    const struct cli_call call = {
        .service = service, .endpoint = endpoint, .json = text, .timeout = timeout, .quiet = quiet};
    int code = cli_call_value(c, &call, reply);
    free(text);
    return code;
}

int cli_call_json(struct cli *c, const char *service, const char *endpoint, json_t *request, json_t **reply)
{
    return call_json(c, service, endpoint, request, 10 * SECOND, false, reply);
}

int cli_call_slow(struct cli *c, const char *service, const char *endpoint, json_t *request, bool quiet, json_t **reply)
{
    return call_json(c, service, endpoint, request, 0, quiet, reply);
}

int cli_tell(struct cli *c, const char *service, const char *endpoint, json_t *request)
{
    json_t *reply = NULL;
    int code = cli_call_json(c, service, endpoint, request, &reply);
    json_decref(reply);
    return code;
}

/* ---- streams of answers ---- */

struct walk {
    const char *service, *endpoint;
    int (*each)(void *arg, const json_t *answer);
    void *arg;
    int code;
    bool stop;
};

static void walk_on(void *arg, struct bytes json)
{
    struct walk *w = arg;
    if (w->code != CLI_OK)
        return;
    json_t *answer = json_loadb((const char *)json.data, json.len, 0, NULL);
    w->code = answer ? w->each(w->arg, answer)
                     : cli_fail(CLI_MALFORMED, "malformed response from %s %s", w->service, w->endpoint);
    w->stop = w->code != CLI_OK;
    json_decref(answer);
    cli_flush(); /* read as it comes */
}

int cli_call_each(struct cli *c, const char *service, const char *endpoint, json_t *request,
                  int (*each)(void *arg, const json_t *answer), void *arg)
{
    struct walk w = {.service = service, .endpoint = endpoint, .each = each, .arg = arg};
    char *text = request ? json_text_of(request, 0) : NULL;
    json_decref(request);
    if (!text)
        return cli_fail(CLI_MALFORMED, "the request is not valid UTF-8, or memory is short");
    const struct cli_call call = {
        .service = service, .endpoint = endpoint, .json = text, .message = walk_on, .stop = &w.stop, .arg = &w};
    int code = cli_call(c, &call);
    free(text);
    return code == CLI_OK ? w.code : code;
}
