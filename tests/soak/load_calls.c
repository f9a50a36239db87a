/* Calls through every door: the service itself, the proxy, the gateway. An answer must be the right one for its
 * request; in a storm there may be none. */
#include "tests/soak/soak.h"

#include "proto/helloworld/helloworld.pb-c.h"
#include "rpc/http.h"
#include "runtime/api/api.h"

#include <stdio.h>
#include <stdlib.h>

#define CALLERS    3
#define PAUSE_MAX  ((int64_t)(250 * MILLISECOND))
#define LAST_CALLS 30
#define HTTP_LIMIT ((uint64_t)(3 * SECOND))

static const char *const doors[CALLERS] = {"helloworld", "proxy", "gateway"};

struct caller {
    struct load *load;
    const char *door;
    struct soak_client client;
    struct http_client_call *fetch;
    char name[24];
    bool answered;
};
struct load {
    struct soak *soak;
    struct soak_crew crew;
    struct caller callers[CALLERS];
    unsigned count;
    uint64_t ok[CALLERS];
};

static void go_on(struct caller *c, bool answered)
{
    c->answered = answered;
    c->load->ok[c - c->load->callers] += answered;
    soak_client_done(&c->client);
}

static void expect(struct caller *c, const char *greeting)
{
    char wanted[48];
    snprintf(wanted, sizeof wanted, "Hello %s", c->name);
    if (strcmp(greeting, wanted) != 0)
        soak_fail(c->load->soak, "calls: %s by way of the %s answered \"%.60s\"", c->name, c->door, greeting);
}

static void called(void *arg, const struct soak_answer *a)
{
    struct caller *c = arg;
    if (a->end == SOAK_OK)
        expect(c, ((const Helloworld__Response *)(const void *)a->reply)->msg);
    go_on(c, a->end == SOAK_OK);
}

static void fetched(void *arg, struct http_answer *answer, struct error *err)
{
    struct caller *c = arg;
    char greeting[64] = "";
    (void)err;
    c->fetch = NULL;
    if (answer->status == 200) {
        json_error_t why;
        json_t *body = json_loadb((const char *)answer->body.data, answer->body.len, 0, &why);
        const char *text = json_string_value(json_object_get(body, "msg"));
        snprintf(greeting, sizeof greeting, "%s", text ? text : "no JSON");
        json_decref(body);
        expect(c, greeting);
    }
    bool ok = answer->status == 200;
    http_answer_deinit(answer);
    go_on(c, ok);
}

static void call(void *arg)
{
    struct caller *c = arg;
    struct load *l = c->load;
    snprintf(c->name, sizeof c->name, "n%u", l->count++);
    if (strcmp(c->door, "gateway") == 0) {
        char url[128];
        snprintf(url, sizeof url, "http://api:%d/helloworld?name=%s", MICRO_BASE_PORT + API_PORT_OFFSET, c->name);
        struct text bearer = TEXT_INIT;
        text_printf(&bearer, "Bearer %s", l->soak->token);
        const struct http1_header header = {bytes_of("authorization"), text_bytes(&bearer)};
        const struct http_fetch fetch = {
            .method = "GET", .url = url, .headers = &header, .header_count = 1, .timeout = HTTP_LIMIT};
        if (http_fetch_start(l->soak->world, &fetch, fetched, c, &c->fetch, NULL) != 0)
            go_on(c, false);
        text_deinit(&bearer);
    } else {
        Helloworld__Request request = HELLOWORLD__REQUEST__INIT;
        request.name = c->name;
        soak_call(l->soak, c->door, "/helloworld.Helloworld/Call", NULL, &request.base,
                  &helloworld__response__descriptor, called, c);
    }
}

static void *start(struct soak *s)
{
    struct load *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->soak = s;
    soak_crew_init(&l->crew, s, "calls", PAUSE_MAX);
    for (size_t i = 0; i < CALLERS; i++) {
        l->callers[i] = (struct caller){.load = l, .door = doors[i]};
        soak_client_init(&l->callers[i].client, &l->crew, call, &l->callers[i]);
    }
    return l;
}

static void check(struct soak *s, void *load)
{
    struct load *l = load;
    soak_crew_rest(&l->crew);
    for (size_t i = 0; i < CALLERS * LAST_CALLS; i++) {
        struct caller *c = &l->callers[i % CALLERS];
        soak_client_act(&c->client);
        if (!c->answered)
            soak_fail(s, "calls: with everything well, %s by way of the %s was not answered", c->name, c->door);
    }
}

static uint64_t progress(const void *load)
{
    const struct load *l = load;
    uint64_t least = UINT64_MAX;
    for (size_t i = 0; i < CALLERS; i++)
        least = l->ok[i] < least ? l->ok[i] : least;
    return least;
}

static void stop(void *load)
{
    struct load *l = load;
    for (size_t i = 0; i < CALLERS; i++)
        http_fetch_cancel(l->callers[i].fetch);
    free(l);
}

const struct soak_load soak_calls = {"calls", start, check, progress, stop};
