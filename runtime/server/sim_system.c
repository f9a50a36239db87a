#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/server/sim_system.h"

#include "base/units.h"
#include "runtime/api/api.h"
#include "runtime/component.h"
#include "runtime/server/sim_keys.h"
#include "runtime/service/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALL_TIMEOUT    ((uint64_t)30 * (uint64_t)SECOND) /* virtual */
#define HEADERS_MAX     16
#define TOKEN_SECONDS   3600
#define SERVICE_SECONDS (365 * 24 * 3600)

void sim_system_init(struct sim_system *s, uint64_t seed)
{
    const struct sim_options options = {.seed = seed, .steps_max = 5000000};
    *s = (struct sim_system){.sim = sim_new(&options), .admin_secret = SIM_ADMIN_SECRET};
    assert_non_null(s->sim);
    text_puts(&s->private_key, sim_private_key);
    text_puts(&s->public_key, sim_public_key);
    assert_int_equal(component_register_all(s->sim), 0);
    s->client = sim_node(s->sim, "client");
    assert_non_null(s->client);
}

void sim_system_deinit(struct sim_system *s)
{
    sim_micro_free(s->micro);
    sim_free(s->sim);
    text_deinit(&s->private_key);
    text_deinit(&s->public_key);
}

/* Made at first use: a test may have set its own admin secret after sim_system_init(). */
static struct sim_micro *micro(struct sim_system *s)
{
    const struct sim_micro_options options = {.private_key = text_string(&s->private_key),
                                              .public_key = text_string(&s->public_key),
                                              .admin_secret = s->admin_secret,
                                              .arguments = s->arguments};
    if (!s->micro)
        assert_int_equal(sim_micro_new(s->sim, "client", &options, &s->micro, NULL), 0);
    return s->micro;
}

char *sim_system_token(struct sim_system *s, struct arena *arena, const char *id, const char *type, const char *issuer,
                       const char *scope)
{
    char *token = sim_micro_token(micro(s), arena, id, type, issuer, scope,
                                  strcmp(type, "service") == 0 ? SERVICE_SECONDS : TOKEN_SECONDS);
    assert_non_null(token);
    return token;
}

void sim_system_start(struct sim_system *s, const char *component)
{
    struct error err = ERROR_INIT;
    if (sim_micro_start_one(micro(s), component, &err) < 0)
        fail_msg("%s does not start: %s", component, err.message ? err.message : "?");
}

void sim_system_wait(struct sim_system *s, const char *component)
{
    struct error err = ERROR_INIT;
    if (sim_micro_wait(micro(s), component, CALL_TIMEOUT, &err) < 0)
        fail_msg("%s is not ready: %s", component, err.message ? err.message : "?");
}

void sim_system_start_all(struct sim_system *s, const char *const *names)
{
    for (; *names; names++) {
        sim_system_start(s, *names);
        sim_system_wait(s, *names);
    }
}

void sim_answer_deinit(struct sim_answer *a)
{
    json_decref(a->body);
    text_deinit(&a->text);
    *a = (struct sim_answer){0};
}

static void fill(struct sim_answer *out, int status, struct bytes text)
{
    *out = (struct sim_answer){.status = status};
    text_add(&out->text, text.data, text.len);
    out->body = text.len ? json_loadb((const char *)text.data, text.len, 0, NULL) : NULL;
}

void sim_system_call(struct sim_system *s, const char *component, const char *path, const char *token, const char *json,
                     struct sim_answer *out)
{
    char address[SIM_MICRO_ADDRESS_MAX];
    struct rpc_channel *channel = NULL;
    struct rpc_answer answer = {0};
    struct text bearer = TEXT_INIT;
    struct error err = ERROR_INIT;
    sim_micro_address(component, address);
    text_printf(&bearer, "Bearer %s", token ? token : "");
    const struct grpc_header header = {bytes_of("authorization"), text_bytes(&bearer)};
    const struct rpc_channel_options options = {.addresses = address};
    const struct rpc_request request = {
        .path = path,
        .metadata = {&header, token ? 1 : 0},
        .timeout = CALL_TIMEOUT,
        .content_type = "application/grpc+json",
        .message = bytes_of(json),
        .has_message = true,
    };
    assert_int_equal(rpc_channel_new(s->client, &options, &channel, NULL), 0);
    if (rpc_unary_wait(s->client, channel, &request, &answer, &err) < 0)
        fail_msg("%s was not answered: %s", path, err.message ? err.message : "?");
    fill(out, answer.reply.status, answer.reply.status == GRPC_OK ? answer.reply.body : answer.reply.message);
    rpc_answer_deinit(&answer);
    rpc_channel_free(channel);
    text_deinit(&bearer);
}

void sim_system_http(struct sim_system *s, const char *method, const char *target, const char *headers,
                     const char *body, struct sim_answer *out)
{
    struct http1_header list[HEADERS_MAX];
    struct http_answer answer = {0};
    struct error err = ERROR_INIT;
    char url[1024];
    size_t count = 0;
    snprintf(url, sizeof url, "http://api:%d%s", MICRO_BASE_PORT + API_PORT_OFFSET, target);
    for (const char *line = headers; line && *line && count < HEADERS_MAX;) {
        size_t len = strcspn(line, "\n"), name = strcspn(line, ":");
        assert_true(name + 2 <= len);
        list[count++] = (struct http1_header){BYTES(line, name), BYTES(line + name + 2, len - name - 2)};
        line += len + (line[len] == '\n');
    }
    const struct http_fetch fetch = {.method = method,
                                     .url = url,
                                     .headers = list,
                                     .header_count = count,
                                     .body = body ? bytes_of(body) : BYTES_NONE,
                                     .timeout = CALL_TIMEOUT};
    if (http_fetch_wait(s->client, &fetch, &answer, &err) < 0)
        fail_msg("%s %s was not answered: %s", method, target, err.message ? err.message : "?");
    fill(out, answer.status, answer.body);
    http_answer_deinit(&answer);
}

const char *sim_answer_text(const struct sim_answer *a, const char *path)
{
    const json_t *at = a->body;
    while (*path && at) {
        char part[64];
        size_t len = strcspn(path, "/");
        assert_true(len < sizeof part);
        memcpy(part, path, len);
        part[len] = '\0';
        at = json_is_array(at) ? json_array_get(at, (size_t)strtoul(part, NULL, 10)) : json_object_get(at, part);
        path += len + (path[len] == '/');
    }
    return json_is_string(at) ? json_string_value(at) : "";
}
