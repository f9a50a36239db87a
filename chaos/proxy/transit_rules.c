/* What rules do to calls that a transit carries. */
#include "chaos/proxy/transit.h"

#include <string.h>

#define CORRUPT_DEFAULT 1u

/* ---- which rule ---- */

static bool begins(struct bytes path, const char *prefix)
{
    size_t len = strlen(prefix);
    return path.len >= len && memcmp(path.data, prefix, len) == 0;
}

static bool concerns(const struct proxy_rule *rule, struct bytes path)
{
    if (rule->method == NULL)
        return !begins(path, "/grpc.health.") && !begins(path, "/grpc.reflection.");
    return path.len > 0 && bytes_is(BYTES(path.data + 1, path.len - 1), rule->method);
}

void call_choose(struct call *c)
{
    const struct proxy_link *l = c->transit->connection->link;
    for (size_t i = 0; i < l->rule_count; i++) {
        struct proxy_rule *rule = l->rules[i];
        if (!concerns(rule, c->path))
            continue;
        rule->seen++;
        if (c->rule != NULL ||
            (rule->nth > 0 ? rule->seen != rule->nth : random_below(&rule->random, PROXY_SHARE_ALL) >= rule->share))
            continue;
        c->rule = rule;
        c->kind = rule->kind;
        c->ruled = true;
    }
}

void call_hit(struct call *c)
{
    if (c->rule != NULL)
        c->rule->hits++;
}

static void answer_status(struct call *c, int status)
{
    const struct grpc_result result = {.status = status, .message = bytes_of("injected by the proxy")};
    call_finish(c, &result);
}

/* ---- as it comes ---- */

static bool later(struct call *c, uint64_t delay)
{
    if (world_timer_start(&c->timer, delay) != 0)
        call_fail(c, H2_INTERNAL);
    return true;
}

bool call_intercept(struct call *c)
{
    if (!c->ruled)
        return false;
    switch (c->kind) {
    case RULE_STATUS:
        call_hit(c);
        answer_status(c, c->rule->status);
        return true;
    case RULE_RESET:
        call_hit(c);
        call_fail(c, c->rule->h2_error);
        return true;
    case RULE_GOAWAY:
        call_hit(c);
        grpc_conn_drain(c->transit->down);
        return false;
    case RULE_SILENCE:
        call_hit(c);
        c->hung = true;
        (void)grpc_stream_send_headers(c->in, (struct grpc_metadata){NULL, 0});
        return true;
    case RULE_DELAY_CALL:
        call_hit(c);
        return later(c, c->rule->delay);
    case RULE_STALL:
        call_hit(c);
        c->held_up = true;
        return false;
    case RULE_DELAY_ANSWER:
    case RULE_LATE:
    case RULE_REORDER:
        c->held_down = true;
        return false;
    case RULE_TWICE:
    case RULE_REPLACE:
    case RULE_LOST_ANSWER:
    case RULE_NO_TRAILERS:
    case RULE_CORRUPT:
    case RULE_TRUNCATE:
    case RULE_OVERSIZE:
        break;
    }
    return false;
}

/* ---- as it is answered ---- */

static void corrupt(struct call *c, struct bytes message)
{
    struct text copy = TEXT_INIT;
    uint32_t count = c->rule != NULL && c->rule->count > 0 ? c->rule->count : CORRUPT_DEFAULT;
    text_add(&copy, message.data, message.len);
    for (uint32_t i = 0; text_ok(&copy) && copy.len > 0 && i < count && c->rule != NULL; i++) {
        size_t at = (size_t)random_below(&c->rule->random, copy.len);
        copy.data[at] = (char)((uint8_t)copy.data[at] ^ (uint8_t)(1u << random_below(&c->rule->random, 8)));
    }
    if (copy.len > 0)
        call_hit(c);
    (void)grpc_stream_send_message(c->in, text_bytes(&copy));
    text_deinit(&copy);
}

/* A prefix that says `said` bytes, before `message`. */
static void send_false(struct call *c, uint32_t said, struct bytes message)
{
    const uint8_t prefix[5] = {0, (uint8_t)(said >> 24), (uint8_t)(said >> 16 & 0xff), (uint8_t)(said >> 8 & 0xff),
                               (uint8_t)(said & 0xff)};
    call_hit(c);
    if (!c->headers)
        (void)grpc_stream_send_headers(c->in, (struct grpc_metadata){NULL, 0});
    (void)grpc_stream_send_raw(c->in, BYTES(prefix, sizeof prefix));
    (void)grpc_stream_send_raw(c->in, message);
}

static void replace(struct call *c)
{
    if (!c->acted && c->rule != NULL) {
        call_hit(c);
        answer_status(c, c->rule->status);
    }
    c->acted = true;
}

static void lose(struct call *c)
{
    if (!c->acted)
        call_hit(c);
    c->acted = true;
    connection_end(c->transit->connection, true);
}

bool call_break_message(struct call *c, struct bytes message)
{
    if (!c->ruled || c->rule == NULL)
        return false;
    switch (c->kind) {
    case RULE_REPLACE:
        replace(c);
        return true;
    case RULE_LOST_ANSWER:
        lose(c);
        return true;
    case RULE_CORRUPT:
    case RULE_TRUNCATE:
    case RULE_OVERSIZE:
        if (c->acted) /* nothing comes behind what broke off: it would fill it up */
            return c->kind == RULE_TRUNCATE;
        c->acted = true;
        if (c->kind == RULE_CORRUPT) {
            corrupt(c, message);
        } else if (c->kind == RULE_OVERSIZE) {
            send_false(c, c->rule->count, message);
        } else {
            send_false(c, (uint32_t)message.len + 1, BYTES(message.data, message.len / 2));
            answer_status(c, GRPC_OK);
        }
        return true;
    case RULE_STATUS:
    case RULE_RESET:
    case RULE_GOAWAY:
    case RULE_DELAY_CALL:
    case RULE_STALL:
    case RULE_TWICE:
    case RULE_SILENCE:
    case RULE_DELAY_ANSWER:
    case RULE_LATE:
    case RULE_REORDER:
    case RULE_NO_TRAILERS:
        break;
    }
    return false;
}

/* The whole answer of a call that is held is here: when does it go on? */
static void hold_answer(struct call *c)
{
    struct proxy_rule *rule = c->rule;
    uint64_t now = world_now(transit_world(c->transit)), delay = rule->delay;
    call_hit(c);
    if (c->kind == RULE_LATE && c->deadline > now && c->timeout > 0)
        delay += c->deadline - now;
    if (c->kind == RULE_REORDER && rule->held != NULL) {
        struct call *before = rule->held;
        rule->held = NULL;
        call_pass_answer(c);
        world_timer_stop(&before->timer);
        call_pass_answer(before);
        transit_flow_later(before->transit);
        transit_flow_later(c->transit);
        return;
    }
    if (c->kind == RULE_REORDER)
        rule->held = c;
    if (world_timer_start(&c->timer, delay) != 0)
        call_pass_answer(c);
}

bool call_break_end(struct call *c, const struct grpc_result *result)
{
    if (!c->ruled || c->rule == NULL)
        return false;
    switch (c->kind) {
    case RULE_REPLACE:
        replace(c);
        return true;
    case RULE_LOST_ANSWER:
        lose(c);
        return true;
    case RULE_NO_TRAILERS:
        call_hit(c);
        (void)grpc_stream_end_bare(c->in);
        return true;
    case RULE_DELAY_ANSWER:
    case RULE_LATE:
    case RULE_REORDER:
        if (!c->held_down)
            return false;
        hold_answer(c);
        return true;
    case RULE_STATUS:
    case RULE_RESET:
    case RULE_GOAWAY:
    case RULE_DELAY_CALL:
    case RULE_STALL:
    case RULE_TWICE:
    case RULE_SILENCE:
    case RULE_CORRUPT:
    case RULE_TRUNCATE:
    case RULE_OVERSIZE:
        break;
    }
    (void)result;
    return false;
}

/* ---- later ---- */

void call_timer(void *arg)
{
    struct call *c = arg;
    struct transit *r = c->transit;
    if (c->rule != NULL && c->rule->held == c)
        c->rule->held = NULL;
    if (c->kind == RULE_DELAY_CALL)
        call_begin(c);
    else
        call_pass_answer(c);
    transit_flow_later(r);
}

void call_forget(struct call *c)
{
    if (c->rule->held == c)
        c->rule->held = NULL;
    c->rule = NULL;
    if (c->hung) {
        call_fail(c, H2_CANCEL);
    } else if (c->held_up) {
        c->held_up = false;
        call_begin(c);
    } else if (c->held_down) {
        world_timer_stop(&c->timer);
        call_pass_answer(c);
    } else if (!c->begun && world_timer_active(&c->timer)) {
        world_timer_stop(&c->timer);
        call_begin(c);
    }
}
