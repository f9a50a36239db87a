/* HTTP for flows: what a step says (step/http.c, body.c), cookies and where redirects lead (jar.c), and the
 * two engines that carry one request (curl.c, world.c). */
#ifndef E2E_HTTP_H
#define E2E_HTTP_H

#include "e2e/internal.h"

/* ---- engines: one request, one answer; neither follows nor remembers anything ---- */

struct http_request {
    const char *method, *url;
    json_t *headers; /* object of texts by lower-case names */
    struct bytes body;
    uint64_t timeout;
    bool insecure;         /* certificates are not checked */
    const char *ca_file;   /* PEM; NULL: the system's */
    const char *cert_file; /* PEM, what the server asks of us; NULL: nothing */
    const char *key_file;
    struct http_pool *pool;       /* http_by_world(): its connections; NULL: one for this request */
    bool decode;                  /* every packing libcurl knows is offered, and undone by it */
    bool lines, facts;            /* the result has them */
    const struct node *transport; /* what libcurl is told besides (transport.c); NULL: nothing */
};
/* Several headers of one name are joined by ", ", Set-Cookie by newlines. */
struct http_result {
    int status;
    json_t *headers; /* owned */
    struct text body;
    double seconds;
    json_t *lines; /* list of [name, value], as they came; owned, as is what follows */
    json_t *facts; /* transport.c */
};
int http_by_curl(struct flow_context *x, const struct http_request *r, struct http_result *out);
int http_by_world(struct flow_context *x, const struct http_request *r, struct http_result *out);

/* ---- body.c ---- */
/* The body a step sends and the content type it implies ("": none). `type` is added to. */
int http_make_body(struct flow_context *x, const struct node *step, struct text *body, struct text *type);
int http_check_body(const struct node *step, struct error *err);
void http_url_encode(const char *s, struct text *out);
/* For http_pairs(): "name=value" as forms and queries have it; `arg` is a text, which gets an "&" before it. */
int http_form_pair(struct flow_context *x, void *arg, const char *name, const struct node *n);

/* ---- repeat.c ---- */
/* The step's first request, as curl makes it and follows up to `hops` redirects, into `repeat`; in simulation nothing,
 * since nobody else can ask there. */
int http_repeat(struct flow_context *x, const struct node *step, const struct http_request *r, int64_t hops);

/* ---- pairs.c ---- */
/* `value` is not expanded yet: it may be a file. */
typedef int http_pair_fn(struct flow_context *x, void *arg, const char *name, const struct node *value);
int http_pairs(struct flow_context *x, const struct node *pairs, http_pair_fn *each, void *arg);
int http_check_pairs(const struct node *pairs, struct error *err);

/* Adds [name, value] to the list. */
bool http_add_line(json_t *lines, struct bytes name, struct bytes value);

/* ---- unpack.c ---- */
/* The body as it was before it was packed (Content-Encoding). */
int http_unpack(struct flow_context *x, struct http_result *r);

/* ---- jar.c ---- */
struct http_url {
    const char *host, *path;
    size_t host_len, name_len, path_len; /* with the port, without it */
    bool secure;
};
bool http_url_split(const char *url, struct http_url *out);
/* Takes Set-Cookie lines (joined by newlines; NULL: none) from an answer of `url`; `set` gets names and values. */
bool http_jar_take(json_t *jar, const char *url, const char *header, int64_t now, json_t *set);
/* "a=1; b=2" for a request to `url`. */
void http_jar_give(const json_t *jar, const char *url, int64_t now, struct text *out);
/* Puts a cookie in the place of the one with its name, domain and path; `over`: only that one goes. False: no memory.
 */
bool http_jar_put(json_t *jar, json_t *cookie, bool over);
/* The URL that `location`, told by `base`, stands for, without a fragment. */
void http_url_resolve(const char *base, const char *location, struct text *out);

/* ---- jar_text.c ---- */
/* Cookies of a file as curl writes them; `now` in ns. ERROR_SYNTAX: *line is none. ERROR_MEMORY. */
int http_jar_read(json_t *jar, struct bytes content, int64_t now, size_t *line);
void http_jar_print(const json_t *jar, struct text *out);

/* ---- keep.c ---- */
/* `jar` of a step: what it takes from files before the request, and what it writes when the answer is there. */
int http_jar_begin(struct flow_context *x, const struct node *step);
int http_jar_end(struct flow_context *x, const struct node *step);
int http_check_jar(const struct node *jar, struct error *err); /* NULL: there is none */
/* `save` of a step: the answer's body into that file. */
int http_save(struct flow_context *x, const struct node *step, struct bytes body);

#endif
