/* An interaction over HTTP, and messages that are asked for by HTTP. */
#include "fakes/provider/internal.h"

#include "base/json_build.h"
#include "base/json_text.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void on_answer(struct playing *p, struct http_answer *answer, struct error *err,
                      void (*judge)(struct playing *p, const struct http_answer *answer))
{
    p->http = NULL;
    if (answer->status == 0)
        error_move(&p->error, err);
    else
        judge(p, answer);
    http_answer_deinit(answer);
    playing_over(p);
}

static void on_http(void *arg, struct http_answer *answer, struct error *err)
{
    on_answer(arg, answer, err, judge_http);
}

static void on_told(void *arg, struct http_answer *answer, struct error *err)
{
    on_answer(arg, answer, err, judge_message);
}

/* RFC 3986, 2.3: everything else is encoded. A path keeps its slashes and what is encoded already. */
static void encode(struct text *out, const char *text, bool path)
{
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
        bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
                     strchr("-._~", *c) != NULL || (path && strchr("/%:@!$&'()*+,;=", *c) != NULL);
        if (plain)
            text_char(out, (char)*c);
        else
            text_printf(out, "%%%02X", *c);
    }
}

static void url_of(struct playing *p, struct text *out)
{
    const char *base = p->run->options->http;
    size_t len = strlen(base);
    while (len > 0 && base[len - 1] == '/')
        len--;
    text_add(out, base, len);
    encode(out, p->request.path != NULL && p->request.path[0] == '/' ? p->request.path : "/", true);
    for (size_t i = 0; i < p->request.query.count; i++) {
        const struct pact_header *q = &p->request.query.items[i];
        text_char(out, i == 0 ? '?' : '&');
        encode(out, q->name, false);
        if (q->value != NULL) {
            text_char(out, '=');
            encode(out, q->value, false);
        }
    }
}

/* The client writes these itself. */
static bool is_ours(const char *name)
{
    static const char *const ours[] = {"host", "content-length", "transfer-encoding", "connection", "upgrade", NULL};
    for (const char *const *o = ours; *o != NULL; o++)
        if (strcasecmp(name, *o) == 0)
            return true;
    return false;
}

static struct http1_header *headers_of(struct playing *p, size_t *count)
{
    const struct provider_options *o = p->run->options;
    struct http1_header *out =
        ARENA_NEW_N(&p->arena, struct http1_header, p->request.headers.count + o->metadata_count + 2);
    bool typed = false;
    *count = 0;
    for (size_t i = 0; out != NULL && i < o->metadata_count; i++)
        out[(*count)++] = (struct http1_header){o->metadata[i].name, o->metadata[i].value};
    for (size_t i = 0; out != NULL && i < p->request.headers.count; i++) {
        const struct pact_header *h = &p->request.headers.items[i];
        typed = typed || strcasecmp(h->name, "content-type") == 0;
        if (!is_ours(h->name))
            out[(*count)++] = (struct http1_header){bytes_of(h->name), bytes_of(h->value)};
    }
    const struct pact_content *c = &p->request.content;
    if (out != NULL && !typed && c->presence == PACT_THERE && c->type != NULL)
        out[(*count)++] = (struct http1_header){bytes_of("Content-Type"), bytes_of(c->type)};
    return out;
}

/* A body's bytes; *owned is freed by the caller. */
static bool body_of(const struct pact_content *c, struct bytes *out, char **owned)
{
    *owned = NULL;
    *out = BYTES_NONE;
    if (c->presence == PACT_NULL_BODY)
        *out = bytes_of("null");
    else if (c->presence != PACT_THERE)
        return true;
    else if (c->json == NULL)
        *out = c->bytes;
    else if ((*owned = json_text_of(c->json, 0)) == NULL)
        return false;
    if (*owned != NULL)
        *out = bytes_of(*owned);
    return true;
}

static void fetch(struct playing *p, const struct http_fetch *given,
                  void (*done)(void *arg, struct http_answer *answer, struct error *err))
{
    struct http_fetch f = *given;
    f.tls = p->run->options->tls;
    f.timeout = p->run->options->timeout != 0 ? p->run->options->timeout : PROVIDER_TIMEOUT;
    (void)http_fetch_start(p->run->world, &f, done, p, &p->http, &p->error);
}

void play_http(struct playing *p)
{
    struct text url = TEXT_INIT;
    struct bytes body;
    char *owned = NULL;
    size_t count;
    if (p->run->options->http == NULL) {
        error_set(&p->error, ERROR_UNSUPPORTED, "it is HTTP, and the provider has no such door");
        return;
    }
    if (playing_generate(p) != 0)
        return;
    struct http1_header *headers = headers_of(p, &count);
    url_of(p, &url);
    if (headers == NULL || !body_of(&p->request.content, &body, &owned) || !text_ok(&url)) {
        playing_no_memory(p);
    } else {
        const char *method = p->request.method != NULL ? p->request.method : "GET";
        text_printf(&p->sent, "%s %s ", method, text_string(&url));
        text_printable(&p->sent, body.data, body.len, 2000);
        char upper[33] = "";
        for (size_t i = 0; i < sizeof upper - 1 && method[i] != '\0'; i++)
            upper[i] = method[i] >= 'a' && method[i] <= 'z' ? (char)(method[i] - 32) : method[i];
        fetch(p,
              &(struct http_fetch){
                  .method = upper, .url = text_string(&url), .headers = headers, .header_count = count, .body = body},
              on_http);
    }
    free(owned);
    text_deinit(&url);
}

void play_message(struct playing *p)
{
    const struct provider_options *o = p->run->options;
    if (o->messages == NULL) {
        error_set(&p->error, ERROR_UNSUPPORTED, "it is a message, and nobody was named who tells such");
        return;
    }
    json_t *states = json_array();
    for (size_t i = 0; i < p->i->states.count; i++)
        json_build_add(&states, json_pack("{s:s, s:O*}", "name", p->i->states.items[i].name, "params",
                                          p->i->states.items[i].parameters));
    json_t *ask = json_pack("{s:s, s:o}", "description", p->i->description, "providerStates", states);
    char *body = ask != NULL ? json_text_of(ask, 0) : NULL;
    json_decref(ask);
    if (body == NULL) {
        playing_no_memory(p);
        return;
    }
    struct http1_header type = {bytes_of("Content-Type"), bytes_of("application/json")};
    text_printf(&p->sent, "POST %s %s", o->messages, body);
    fetch(p,
          &(struct http_fetch){
              .method = "POST", .url = o->messages, .headers = &type, .header_count = 1, .body = bytes_of(body)},
          on_told);
    free(body);
}
