/* Requests to an HTTP door: every operator on methods the gateway answers, the same message by gRPC and by the gateway,
 * and, to doors that are no gateway, what breaks HTTP itself. And the operators on JSON to gRPC servers that read it
 * themselves, for all components at once: those that do not answer no empty object, and get no more. */
#include "fuzz/live/below.h"

#include "base/units.h"
#include "fuzz/gateway/compare.h"
#include "fuzz/gateway/gateway.h"
#include "fuzz/message/generate.h"
#include "fuzz/sequence/words.h"
#include "wire/grpc.h"
#include "wire/http1.h"
#include "world/sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE      ((uint64_t)(5 * SECOND))
#define PATIENCE_SIM  ((uint64_t)(90 * SECOND)) /* above what a gateway gives a slow head */
#define BASE_TRIES    3                         /* messages a method is asked with until one is answered with 2xx */
#define COMPARED      8                         /* messages of each reading method asked both ways */
#define ASKING_TIME   ((uint64_t)SECOND)        /* for an answer when looking for them */
#define WHOLE_BASES   2                         /* bases that get the operators on HTTP itself: they are of no method */
#define ADDRESS_MAX   256                       /* bytes */
#define AUTHORIZATION "authorization"

struct http_door {
    struct engine *engine;
    const struct target_component *component; /* by gRPC: nobody's, each request is for who serves its path */
    char address[ADDRESS_MAX];
    bool json; /* it takes calls */
    bool rpc;  /* by gRPC */
    struct gateway_door gateway;
    struct http1_header headers[TARGET_HEADERS_MAX];
    const char *token; /* the header's value; NULL: none */
};

static struct rpc_channel *channel_to(void *arg, struct bytes path)
{
    struct engine *e = ((const struct http_door *)arg)->engine;
    const struct target_component *c = live_component(e->target, path);
    struct rpc_channel *channel;
    return c != NULL && target_channel(e->target, c, &channel, NULL) == 0 ? channel : NULL;
}

/* By gRPC where `url` is NULL. */
static bool door_init(struct http_door *d, struct engine *e, const struct target_component *c, const char *url,
                      bool json)
{
    struct grpc_metadata own = target_metadata(e->target);
    *d = (struct http_door){.engine = e, .component = c, .json = json, .rpc = url == NULL};
    if (!d->rpc && !below_address(url, d->address, sizeof d->address))
        return false;
    d->gateway = (struct gateway_door){.world = e->target->world,
                                       .address = d->address,
                                       .timeout = world_is_simulated(e->target->world) ? PATIENCE_SIM : PATIENCE,
                                       .headers = d->headers,
                                       .channel = d->rpc ? channel_to : NULL,
                                       .arg = d};
    for (size_t i = 0; i < own.count && i < TARGET_HEADERS_MAX; i++) {
        d->headers[d->gateway.header_count++] = (struct http1_header){own.items[i].name, own.items[i].value};
        if (bytes_is(own.items[i].name, AUTHORIZATION))
            d->token = (const char *)own.items[i].value.data;
    }
    return true;
}

/* ---- a case ----------------------------------------------------------------------------------------------------- */

/* Its requests one after the other. An operator that says nothing the base does not say is held to that only behind a
 * base that was answered with 2xx. */
struct run {
    const struct http_door *door;
    struct fuzz_case c; /* owned */
    size_t at;
    struct gateway_request request;
    struct gateway_exchange *exchange;
    struct engine_verdict verdict;
    struct text why;
    uint64_t requests;
    uint32_t journal; /* the case's number there */
    bool busy, base_ok;
    int failed;
};

static void go_on(struct run *r);

static void end(struct run *r)
{
    r->busy = false;
    journal_end(&r->door->engine->journal, r->journal);
}

/* Whom the present request is for. */
static const struct target_component *asked(const struct run *r)
{
    const struct http_door *d = r->door;
    const struct target_component *c =
        d->rpc ? live_component(d->engine->target, gateway_request_path(&r->request)) : NULL;
    return c != NULL ? c : d->component;
}

static void judge(struct run *r, const struct gateway_answer *a)
{
    static const struct gateway_operator any = {.name = "request", .expect = EXPECT_ANY};
    struct engine *e = r->door->engine;
    const struct gateway_operator *op = r->request.op;
    bool raw = r->request.line.len == 0;
    const struct target_component *component = asked(r);
    if (below_crashed(e, component, &r->verdict, &r->why))
        return;
    if (!op && !raw)
        r->base_ok = a->status >= 200 && a->status < 300;
    /* Servers may wait for the rest longer than we do, and end a connection that says nothing. */
    if (a->status == 0 && !a->broken && (!op || op->expect == EXPECT_CUT) && (a->ended || !raw || !op))
        return;
    if (a->status == 0 && a->timed_out && op && op->expect == EXPECT_CUT && r->door->gateway.timeout < PATIENCE_SIM)
        return;
    /* By gRPC these are no server's fault: it does not know the method, has no room or no time. */
    if (r->door->rpc && (a->status == 0 || (a->status > 500 && a->status <= 504)) && !a->timed_out)
        return;
    if (!op || (op->expect == EXPECT_OK && !r->base_ok) || !r->door->json)
        op = &any;
    const char *oracle = gateway_judge(op, a, &r->why);
    /* What is no gateway may know neither the method nor the path. */
    if (!oracle || (!r->door->json && a->status >= 300 && a->status < 400) || (op == &any && a->status == 501))
        return;
    r->verdict = (struct engine_verdict){
        .oracle = oracle, .defect = r->request.op ? r->request.op->name : NULL, .component = component};
    if (r->door->rpc)
        r->verdict.method =
            pb_find_method(e->target->pool, (const char *)gateway_request_path(&r->request).data, false);
}

static void on_answer(void *arg, struct gateway_answer *a)
{
    struct run *r = arg;
    r->exchange = NULL;
    text_clear(&r->why);
    judge(r, a);
    gateway_answer_deinit(a);
    if (r->verdict.oracle == NULL)
        go_on(r);
    else
        end(r);
}

static void go_on(struct run *r)
{
    int more = gateway_of_case(&r->c, &r->at, &r->request);
    if (more == 1) {
        gateway_fill(&r->request.raw, r->door->address, r->door->token);
        r->requests++;
        more = gateway_start(&r->door->gateway, &r->request, on_answer, r, &r->exchange, NULL);
        if (more == 0)
            return;
    }
    r->failed = more == ERROR_INVALID ? 0 : more; /* a request that cannot be sent is nobody's fault */
    end(r);
}

static void begin(struct run *r)
{
    r->at = 0;
    r->base_ok = false;
    r->verdict = (struct engine_verdict){.oracle = NULL};
    r->busy = true;
    r->journal = journal_begin(&r->door->engine->journal, &r->c);
    go_on(r);
}

static void run_deinit(struct run *r)
{
    gateway_cancel(r->exchange);
    fuzz_case_deinit(&r->c);
    gateway_request_deinit(&r->request);
    text_deinit(&r->why);
}

static bool is_over(void *arg)
{
    return !((const struct run *)arg)->busy;
}

/* ---- both ways -------------------------------------------------------------------------------------------------- */

static int ask(struct engine *e, const struct target_component *c, const struct pb_method *m, struct bytes message,
               struct rpc_answer *out)
{
    struct rpc_channel *channel;
    const struct rpc_request request = {.path = m->path,
                                        .metadata = target_metadata(e->target),
                                        .timeout = e->options.hang_after,
                                        .wait_for_ready = true,
                                        .message = message,
                                        .has_message = true};
    *out = (struct rpc_answer){0};
    int code = target_channel(e->target, c, &channel, NULL);
    return code != 0 ? code : rpc_unary_wait(e->target->world, channel, &request, out, NULL);
}

/* By gRPC, through the gateway, and by gRPC again. The message is the call's; the request says only where it goes. */
static bool compare(const struct http_door *d, const struct fuzz_case *c, struct engine_verdict *out, struct text *why)
{
    struct engine *e = d->engine;
    const struct pb_method *m = fuzz_case_method(c, 0, e->target->pool);
    const struct target_component *component = m != NULL ? target_serving(e->target, m->service->full_name) : NULL;
    struct bytes message = BYTES_NONE;
    struct gateway_request request = {.op = NULL};
    struct gateway_answer answer = {.status = 0};
    struct rpc_answer one = {0}, two = {0};
    const char *finding = NULL;
    size_t at = 0;
    uint32_t number = journal_begin(&e->journal, c);
    for (size_t i = 0; i < c->events.count; i++)
        if (c->events.items[i].kind == EVENT_MESSAGE)
            message = fuzz_case_bytes(c, c->events.items[i].value);
    if (component != NULL && gateway_of_case(c, &at, &request) == 1 && request.line.len > 0 &&
        gateway_json_of(m->input, message, &request.body) && ask(e, component, m, message, &one) == 0 &&
        gateway_wait(&d->gateway, &request, &answer, NULL) == 0 && ask(e, component, m, message, &two) == 0) {
        const struct gateway_rpc_answer first = {one.reply.status, one.reply.message, one.reply.body},
                                        again = {two.reply.status, two.reply.message, two.reply.body};
        const struct gateway_http_answer http = {answer.status, text_bytes(&answer.body)};
        finding = gateway_compare(m, &first, &http, &again, NULL, why);
        if (finding != NULL)
            *out = (struct engine_verdict){.oracle = finding, .method = m, .component = component};
    }
    journal_end(&e->journal, number);
    rpc_answer_deinit(&one);
    rpc_answer_deinit(&two);
    gateway_answer_deinit(&answer);
    gateway_request_deinit(&request);
    return finding != NULL;
}

/* Its first request is one by gRPC. */
static bool goes_by_rpc(const struct fuzz_case *c)
{
    struct gateway_request request = {.op = NULL};
    size_t at = 0;
    bool rpc = gateway_of_case(c, &at, &request) == 1 && gateway_is_rpc(&request);
    gateway_request_deinit(&request);
    return rpc;
}

bool gateway_try(struct engine *e, const struct fuzz_case *c, struct engine_verdict *out, struct text *why)
{
    const struct target_component *component = below_component(e, c);
    bool rpc = goes_by_rpc(c), json = rpc || component->http == NULL || e->target->gateway == NULL ||
                                      strcmp(component->http, e->target->gateway) == 0;
    const char *url = component->http != NULL ? component->http : e->target->gateway;
    struct http_door d;
    if ((url == NULL && !rpc) || !door_init(&d, e, component, rpc ? NULL : url, json))
        return false;
    if (fuzz_case_calls(c) > 0)
        return compare(&d, c, out, why);
    struct run r = {.door = &d};
    bool wrong = false;
    if (fuzz_case_copy(&r.c, c) == 0) {
        begin(&r);
        wrong = world_run_until(e->target->world, is_over, &r, 0) == 0 && r.verdict.oracle != NULL;
        if (wrong) {
            *out = r.verdict;
            text_add(why, text_string(&r.why), r.why.len);
        } else {
            wrong = !below_well(e, rpc ? asked(&r) : component, out, why);
        }
    }
    run_deinit(&r);
    return wrong;
}

/* ---- where a gateway has its methods ---------------------------------------------------------------------------- */

/* What the operators start from: a method, its path, and a message that was answered with 2xx. */
struct base {
    const struct pb_method *method;
    struct text path, json;
};

struct phase {
    struct http_door door;
    struct random *random;
    uint64_t until; /* by engine_now(); 0: no limit */
    struct run runs[BELOW_WIDTH];
    const char *style;  /* of paths; NULL: not known yet */
    const char *type;   /* of what is sent; NULL: JSON */
    struct base *bases; /* of methods that only read, then one more for the others */
    size_t reading;     /* of the bases */
    bool seen[512];     /* operators */
    size_t operators, ran, compared, methods;
    uint64_t requests;
    int refusal;         /* the last status other than 2xx for what might have been a base */
    const char *shut_by; /* the method behind whose operators bases are no longer answered; NULL: they are */
    int failed;
    bool crashed;
};

#define STYLE_COMPONENT                                                                                                \
    "/{component}/{Service}/{Method}" /* Micro's, where a component serves more than one package                       \
                                       */

static bool path_of(const char *style, const struct pb_method *m, const char *component, struct text *out)
{
    char own[ADDRESS_MAX];
    text_clear(out);
    if (strcmp(style, STYLE_COMPONENT) == 0) {
        if (snprintf(own, sizeof own, "/%s/{Service}/{Method}", component) >= (int)sizeof own)
            return false;
        style = own;
    }
    return gateway_path(style, m, out) == 0;
}

static int status_of(struct phase *p, const char *path, const char *json)
{
    struct gateway_request request = {.op = NULL};
    struct gateway_answer a = {.status = 0};
    const struct gateway_base base = {.path = path, .json = json, .type = p->type};
    p->requests++;
    struct gateway_door door = p->door.gateway;
    if (door.timeout == PATIENCE)
        door.timeout = ASKING_TIME;
    (void)gateway_make(p->random, &base, NULL, &request);
    (void)gateway_wait(&door, &request, &a, NULL);
    int status = a.status;
    if (status < 200 || status > 299)
        p->refusal = status;
    gateway_answer_deinit(&a);
    gateway_request_deinit(&request);
    return status;
}

static bool is_answered(struct phase *p, const struct base *b)
{
    int status = status_of(p, text_string(&b->path), text_string(&b->json));
    return status >= 200 && status < 300;
}

/* A message of the method that the gateway answers with 2xx. */
static bool find_base(struct phase *p, const struct pb_method *m, const char *component, struct base *b)
{
    static const char *const styles[] = {STYLE_COMPONENT, GATEWAY_PATH_MICRO, GATEWAY_PATH_FULL};
    size_t count = sizeof styles / sizeof styles[0];
    /* What an empty object does not show a second one will not. */
    int tries = p->door.rpc && p->style == NULL ? 1 : BASE_TRIES;
    for (size_t s = p->door.rpc ? count - 1 : 0; s < count; s++) {
        if ((p->style != NULL && styles[s] != p->style) || !path_of(styles[s], m, component, &b->path))
            continue;
        for (int n = 0; n < tries && !below_stopped(p->door.engine, p->until); n++) {
            struct text message = TEXT_INIT;
            text_clear(&b->json);
            if (n > 0)
                fuzz_generate(p->random, m->input, &message);
            bool sayable = n == 0 || gateway_json_of(m->input, text_bytes(&message), &b->json);
            if (n == 0)
                text_puts(&b->json, "{}");
            text_deinit(&message);
            if (sayable && text_ok(&b->json) && is_answered(p, b)) {
                p->style = styles[s];
                b->method = m;
                return true;
            }
        }
    }
    return false;
}

/* ---- many at a time --------------------------------------------------------------------------------------------- */

static void collect(struct phase *p, struct run *r)
{
    p->requests += r->requests;
    r->requests = 0;
    if (r->failed != 0)
        p->failed = r->failed;
    if (r->verdict.oracle == NULL)
        return;
    bool crash = strcmp(r->verdict.oracle, "crash") == 0;
    below_keep(p->door.engine, &r->c, &r->verdict, &r->why);
    for (size_t i = 0; i < BELOW_WIDTH && crash; i++)
        if (p->runs[i].busy)
            below_suspect(p->door.engine, &p->runs[i].c, &r->verdict, &r->why);
    p->crashed = p->crashed || crash;
    r->verdict = (struct engine_verdict){.oracle = NULL};
}

static bool any_over(void *arg)
{
    struct phase *p = arg;
    for (size_t i = 0; i < BELOW_WIDTH; i++)
        if (!p->runs[i].busy)
            return true;
    return false;
}

static bool all_over(void *arg)
{
    struct phase *p = arg;
    for (size_t i = 0; i < BELOW_WIDTH; i++)
        if (p->runs[i].busy)
            return false;
    return true;
}

static struct run *next_run(struct phase *p)
{
    int code = world_run_until(p->door.engine->target->world, any_over, p, 0);
    if (code != 0)
        p->failed = code;
    for (size_t i = 0; p->failed == 0 && i < BELOW_WIDTH; i++)
        if (!p->runs[i].busy) {
            collect(p, &p->runs[i]);
            return p->failed == 0 ? &p->runs[i] : NULL;
        }
    return NULL;
}

static void settle(struct phase *p)
{
    int code = world_run_until(p->door.engine->target->world, all_over, p, 0);
    if (code != 0)
        p->failed = code;
    for (size_t i = 0; code == 0 && i < BELOW_WIDTH; i++)
        collect(p, &p->runs[i]);
    if (p->crashed)
        engine_await(p->door.engine);
    p->crashed = false;
}

static void try_operator(struct phase *p, const struct gateway_base *base, size_t index)
{
    const struct gateway_operator *op = gateway_operator_at(index);
    struct run *r = next_run(p);
    if (r == NULL)
        return;
    fuzz_case_clear(&r->c);
    const char *name = p->door.component->name;
    int code = 0;
    /* Kept to only behind the base itself: `refused` is about the two of them. */
    if (op->expect == EXPECT_OK && p->door.json && gateway_make(p->random, base, NULL, &r->request))
        code = gateway_case(&r->request, name, &r->c);
    if (code == 0 && !gateway_make(p->random, base, op, &r->request))
        return;
    if (code == 0)
        code = gateway_case(&r->request, name, &r->c);
    if (code == ERROR_MEMORY)
        p->failed = code;
    if (code != 0)
        return;
    p->operators += index < sizeof p->seen && !p->seen[index];
    p->seen[index < sizeof p->seen ? index : 0] = true;
    begin(r);
}

static bool goes_on(const struct phase *p)
{
    return p->failed == 0 && !below_stopped(p->door.engine, p->until);
}

static void run_operators(struct phase *p, const struct gateway_base *base, bool json, bool whole)
{
    size_t count = gateway_operator_count(), first = (size_t)random_below(p->random, count);
    for (size_t i = 0; i < count && !p->crashed && goes_on(p); i++) {
        size_t index = (first + i) % count;
        if (gateway_operator_at(index)->raw ? whole : json)
            try_operator(p, base, index);
    }
    settle(p);
}

/* ---- comparing -------------------------------------------------------------------------------------------------- */

/* Asked again it says the same: it changes nothing, and answers once. */
static bool only_reads(const struct pb_method *m)
{
    struct sequence_words words;
    size_t verb;
    sequence_words_of(m->name, &words);
    enum sequence_role role = sequence_role_of(&words, &verb);
    return role == ROLE_READ || role == ROLE_LIST;
}

static int comparison(const struct pb_method *m, const char *path, const char *type, struct bytes message,
                      struct fuzz_case *out)
{
    struct text line = TEXT_INIT, head = TEXT_INIT;
    fuzz_case_clear(out);
    text_printf(&line, "POST %s", path);
    text_printf(&head, "Content-Type: %s\n\n", type != NULL ? type : "application/json");
    int at = text_ok(&line) && text_ok(&head) ? 0 : ERROR_MEMORY;
    if (at >= 0)
        at = fuzz_case_add(out, &(struct fuzz_event){.kind = EVENT_CALL}, bytes_of(m->path), BYTES_NONE);
    if (at >= 0)
        at = fuzz_case_add(out, &(struct fuzz_event){.kind = EVENT_MESSAGE}, BYTES_NONE, message);
    if (at >= 0)
        at = fuzz_case_add(out, &(struct fuzz_event){.kind = EVENT_HALF_CLOSE}, BYTES_NONE, BYTES_NONE);
    if (at >= 0)
        at = fuzz_case_add(out, &(struct fuzz_event){.kind = EVENT_HTTP}, text_bytes(&line), text_bytes(&head));
    text_deinit(&line);
    text_deinit(&head);
    return at < 0 ? at : 0;
}

static void run_comparisons(struct phase *p, const struct pb_method *m, const char *path)
{
    struct fuzz_case c = FUZZ_CASE_INIT;
    p->methods++;
    for (int n = 0; n < COMPARED && goes_on(p); n++) {
        struct text message = TEXT_INIT, why = TEXT_INIT;
        struct engine_verdict v = {.oracle = NULL};
        if (n > 0)
            fuzz_generate(p->random, m->input, &message);
        p->failed = text_ok(&message) ? comparison(m, path, p->type, text_bytes(&message), &c) : ERROR_MEMORY;
        if (p->failed == 0 && compare(&p->door, &c, &v, &why))
            engine_keep(p->door.engine, &c, &v, &why);
        p->compared++;
        p->requests++;
        text_deinit(&message);
        text_deinit(&why);
    }
    fuzz_case_deinit(&c);
}

/* ---- all of it -------------------------------------------------------------------------------------------------- */

static void run_json(struct phase *p, const struct base *b)
{
    const struct gateway_base base = {.method = b->method,
                                      .path = text_string(&b->path),
                                      .host = GATEWAY_HOST,
                                      .authorization = p->door.token != NULL ? GATEWAY_TOKEN : NULL,
                                      .json = text_string(&b->json),
                                      .type = p->type};
    run_operators(p, &base, true, p->ran++ < WHOLE_BASES && !p->door.rpc);
}

/* For a method without a base: those that need none, since who reads a body does not know yet what it is for. */
static void run_alone(struct phase *p, const struct pb_method *m, const char *component, struct base *b)
{
    if (p->style == NULL || !path_of(p->style, m, component, &b->path))
        return;
    const struct gateway_base base = {
        .method = m, .path = text_string(&b->path), .host = GATEWAY_HOST, .json = "{}", .type = p->type};
    for (size_t i = 0; i < gateway_operator_count() && !p->crashed && goes_on(p); i++)
        if (gateway_operator_alone(gateway_operator_at(i)))
            try_operator(p, &base, i);
    settle(p);
}

/* One of the methods, in an order of the seed's. NULL: it is of the other kind, or no single call. */
static const struct pb_method *method_at(const struct phase *p, size_t i, size_t first, bool reads,
                                         const char **component)
{
    const struct engine *e = p->door.engine;
    size_t at = (first + i) % e->method_count;
    const struct pb_method *m = e->methods[at];
    *component = e->tallies[at].component->name;
    return m->client_streaming || m->server_streaming || only_reads(m) != reads ? NULL : m;
}

/* Methods that only read go first, and half of the time both ways before anything else: what others do may shut the
 * gateway's door, by a rule or a limit that somebody's operator set up. */
static void run_methods(struct phase *p)
{
    size_t count = p->door.engine->method_count, first = (size_t)random_below(p->random, count);
    const char *component;
    uint64_t until = p->until, now = engine_now(p->door.engine);
    p->until = until > now ? now + (until - now) / 2 : until;
    for (size_t i = 0; i < count && goes_on(p); i++) {
        const struct pb_method *m = method_at(p, i, first, true, &component);
        if (m != NULL && find_base(p, m, component, &p->bases[p->reading]))
            run_comparisons(p, m, text_string(&p->bases[p->reading++].path));
        else if (m != NULL)
            run_alone(p, m, component, &p->bases[p->reading]);
    }
    p->until = until;
    for (size_t i = 0; i < p->reading && goes_on(p); i++)
        run_json(p, &p->bases[i]);
    struct base *other = &p->bases[p->reading];
    for (size_t i = 0; i < count && !p->shut_by && goes_on(p); i++) {
        const struct pb_method *m = method_at(p, i, first, false, &component);
        if (m != NULL && find_base(p, m, component, other))
            run_json(p, other);
        else if (m != NULL)
            run_alone(p, m, component, other);
        if (m != NULL && p->reading > 0 && goes_on(p) && !is_answered(p, &p->bases[0]) &&
            !is_answered(p, &p->bases[p->reading - 1]))
            p->shut_by = m->path;
    }
}

static void tell(const struct phase *p)
{
    struct text note = TEXT_INIT;
    if (p->door.rpc && p->style == NULL)
        text_printf(&note, "JSON by gRPC: nobody reads it (%" PRIu64 " requests)", p->requests);
    else if (p->door.rpc)
        text_printf(&note, "JSON by gRPC: %" PRIu64 " requests, %zu of %zu operators", p->requests, p->operators,
                    gateway_json_count);
    else
        text_printf(&note, "HTTP to %s: %" PRIu64 " requests, %zu of %zu operators", p->door.component->name,
                    p->requests, p->operators, gateway_operator_count());
    if (p->door.json && (!p->door.rpc || p->style != NULL))
        text_printf(&note, " on %zu methods; %zu messages of %zu methods asked both ways", p->ran, p->compared,
                    p->methods);
    if (p->door.json && !p->door.rpc && ((p->reading == 0 && p->ran == 0 && p->refusal != 0) || p->shut_by != NULL))
        text_printf(&note, "; it answers %d to everything%s%s", p->refusal, p->shut_by != NULL ? " since " : "",
                    p->shut_by != NULL ? p->shut_by : "");
    result_emit(p->door.engine->target->results, "note", json_pack("{s:s}", "text", text_string(&note)));
    text_deinit(&note);
}

int gateway_phase(struct engine *e, const struct target_component *c, const char *url, bool json, struct random *r,
                  uint64_t until, struct error *err)
{
    struct phase *p = calloc(1, sizeof *p);
    if (p != NULL)
        p->bases = calloc(e->method_count + 1, sizeof *p->bases);
    if (p == NULL || p->bases == NULL) {
        free(p);
        return error_set(err, ERROR_MEMORY, "out of memory");
    }
    p->random = r;
    p->until = until;
    p->type = url == NULL ? GATEWAY_RPC_JSON : NULL;
    if (!door_init(&p->door, e, c, url, json)) {
        free(p->bases);
        free(p);
        return 1; /* https://, which nobody here speaks */
    }
    for (size_t i = 0; i < BELOW_WIDTH; i++)
        p->runs[i].door = &p->door;
    if (json) {
        run_methods(p);
    } else {
        const struct gateway_base base = {.path = "/", .host = GATEWAY_HOST, .json = "{}"};
        run_operators(p, &base, false, true);
    }
    struct engine_verdict v = {.oracle = NULL};
    struct text why = TEXT_INIT;
    if (p->failed == 0 && !below_well(e, c, &v, &why))
        below_keep(e, &p->runs[0].c, &v, &why);
    text_deinit(&why);
    tell(p);
    int code = p->failed != 0 ? error_set(err, p->failed, "HTTP to %s: %s", c->name, error_code_name(p->failed))
               : p->door.rpc && p->style == NULL ? 1
                                                 : 0;
    for (size_t i = 0; i < BELOW_WIDTH; i++)
        run_deinit(&p->runs[i]);
    for (size_t i = 0; i <= p->reading; i++) {
        text_deinit(&p->bases[i].path);
        text_deinit(&p->bases[i].json);
    }
    free(p->bases);
    free(p);
    return code;
}
