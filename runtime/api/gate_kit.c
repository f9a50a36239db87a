#include "runtime/api/gate_kit.h"

#include "base/test.h"
#include "base/units.h"

#include <stdio.h>
#include <string.h>

#define HEADERS_MAX 16

void gate_prepare(struct gate *g, uint64_t seed, const char *const *const *arguments)
{
    *g = (struct gate){0};
    sim_system_init(&g->s, seed);
    g->s.arguments = arguments;
}

void gate_start(struct gate *g, const char *const *started)
{
    static const char *const all[] = {"registry", "store", "auth", "config", "api", "helloworld", NULL};
    sim_system_start_all(&g->s, started ? started : all);
    g->admin = sim_system_token(&g->s, &g->arena, "root", "user", "micro", "admin");
    g->bearer = arena_printf(&g->arena, "Authorization: Bearer %s", g->admin);
}

void gate_setup(struct gate *g, uint64_t seed, const char *const *started, const char *const *const *arguments)
{
    gate_prepare(g, seed, arguments);
    gate_start(g, started);
}

void gate_teardown(struct gate *g)
{
    arena_deinit(&g->arena);
    sim_system_deinit(&g->s);
}

void gate_get(struct gate *g, const char *method, const char *target, const char *headers, const char *body,
              struct http_answer *out)
{
    struct http1_header list[HEADERS_MAX];
    struct error err = ERROR_INIT;
    char url[1024];
    size_t count = 0;
    (void)snprintf(url, sizeof url, "%s://api:8080%s", g->tls ? "https" : "http", target);
    for (const char *line = headers; line && *line && count < HEADERS_MAX;) {
        size_t len = strcspn(line, "\n"), name = strcspn(line, ":");
        list[count++] = (struct http1_header){BYTES(line, name), BYTES(line + name + 2, len - name - 2)};
        line += len + (line[len] == '\n');
    }
    const struct http_fetch fetch = {.method = method,
                                     .url = url,
                                     .tls = g->tls,
                                     .headers = list,
                                     .header_count = count,
                                     .body = body ? bytes_of(body) : BYTES_NONE};
    if (http_fetch_wait(g->s.client, &fetch, out, &err) < 0)
        fail_msg("%s %s was not answered: %s", method, target, err.message ? err.message : "?");
}

const char *gate_header(const struct http_answer *a, const char *name)
{
    for (size_t i = 0; i < a->header_count; i++) {
        if (http1_header_is(&a->headers[i], name))
            return (const char *)a->headers[i].value.data;
    }
    return "";
}

bool gate_body_has(const struct http_answer *a, const char *words)
{
    return words[0] == '\0' || (a->body.len && memmem(a->body.data, a->body.len, words, strlen(words)));
}

void gate_expect(struct gate *g, const char *method, const char *target, const char *headers, const char *body,
                 int status, const char *words)
{
    struct http_answer a;
    gate_get(g, method, target, headers, body, &a);
    if (a.status != status || !gate_body_has(&a, words))
        fail_msg("%s %s: %d \"%.*s\", wanted %d \"%s\"", method, target, a.status, (int)a.body.len,
                 (const char *)a.body.data, status, words);
    http_answer_deinit(&a);
}

void gate_eventually(struct gate *g, const char *method, const char *target, const char *headers, int status,
                     const char *words)
{
    for (int i = 0; i < 100; i++) {
        struct http_answer a;
        gate_get(g, method, target, headers, NULL, &a);
        bool fine = a.status == status && gate_body_has(&a, words);
        http_answer_deinit(&a);
        if (fine)
            return;
        assert_int_equal(sim_run_for(g->s.sim, (uint64_t)(100 * MILLISECOND)), 0);
    }
    gate_expect(g, method, target, headers, NULL, status, words);
}

void gate_socket(struct gate *g, struct websocket_kit *k, const char *target, const char *token)
{
    char url[256];
    char *bearer = arena_printf(&g->arena, "Bearer %s", token ? token : "");
    const struct http1_header header = {bytes_of("Authorization"), bytes_of(bearer)};
    (void)snprintf(url, sizeof url, "ws://api:8080%s", target);
    websocket_kit_open(k, g->s.client, url, &header, token ? 1 : 0);
}

void gate_register(struct gate *g, const char *json)
{
    struct sim_answer a = {0};
    sim_system_call(&g->s, "registry", "/registry.Registry/Register", g->admin, json, &a);
    if (a.status != GRPC_OK)
        fail_msg("not registered: %s", text_string(&a.text));
    sim_answer_deinit(&a);
}
