/* Locks made of conditional writes, and writes they protect. A lock is a record that names the attempt that took it, or
 * 0; it is taken, and given back, on the condition that it is still what was read. The revision of the write that took
 * it is the fencing token. A protected write reads its record, which holds the largest token accepted, and replaces it
 * on the condition that nobody has in between; with a smaller token it is refused. Now and then a client writes with
 * the token of a lock it has given back long ago.
 *
 * A lock left behind by an attempt whose end nobody knows may be taken over, by who knows that this attempt is over:
 * clients tell each other. So no lock runs out while somebody holds it, and exclusion itself can be judged. */
#include "chaos/workload/kinds.h"
#include "chaos/workload/record_calls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct client {
    int64_t attempt; /* 0: neither holds nor takes one */
    bool holds;
    uint32_t key;
    int32_t process;    /* that took it, and has to give it back */
    uint64_t token;     /* of the lock it holds, or held last */
    uint32_t token_key; /* whose */
};

static const struct workload_outcome goes_on = {END_OPEN, VALUE_NIL};

static void name_of(char prefix, uint32_t key, char out[RECORD_TEXT_MAX])
{
    snprintf(out, RECORD_TEXT_MAX, "%c%u", prefix, key);
}

static bool is_live(struct workload *w, int64_t attempt)
{
    for (int i = 0; i < workload_clients(w); i++)
        if (((const struct client *)workload_client(w, i)->state)->attempt == attempt)
            return true;
    return false;
}

static struct record_condition unchanged(const struct record_found *found)
{
    return (struct record_condition){.revision = found->there ? found->revision : 0, .absent = !found->there};
}

/* ---- the lock ---- */

static struct workload_outcome taken(struct workload_client *c, const struct rpc_reply *reply)
{
    struct client *own = c->state;
    uint64_t token = workload_number(reply->trailers, "micro-revision");
    enum operation_end end = record_end(c, reply);
    if (end == END_OK && token == 0)
        end = END_INFO; /* taken, but nobody knows with which token */
    if (end != END_OK) {
        own->attempt = 0;
        return (struct workload_outcome){end, VALUE_NIL};
    }
    own->holds = true;
    own->process = c->process;
    own->token = token;
    own->token_key = own->key;
    workload_operation(c)->other = (int64_t)token;
    return (struct workload_outcome){END_OK, VALUE_NIL};
}

static struct workload_outcome read_to_take(struct workload_client *c, const struct rpc_reply *reply)
{
    struct client *own = c->state;
    struct record_found found;
    char name[RECORD_TEXT_MAX], text[RECORD_TEXT_MAX];
    bool told = record_found(reply, &found) && (!found.there || found.revision != 0);
    /* record_number() takes "0", a free lock, for no number. */
    if (!told || (found.there && found.value > 0 && is_live(c->workload, found.value))) {
        own->attempt = 0;
        return (struct workload_outcome){END_FAIL, VALUE_NIL};
    }
    struct record_condition condition = unchanged(&found);
    name_of('l', own->key, name);
    snprintf(text, sizeof text, "%lld", (long long)own->attempt);
    if (record_call_write(c, name, text, 0, &condition, taken) != 0)
        own->attempt = 0;
    return goes_on;
}

static int begin_acquire(struct workload_client *c)
{
    struct client *own = c->state;
    char name[RECORD_TEXT_MAX];
    own->key = (uint32_t)random_below(workload_random(c->workload), (uint64_t)workload_keys(c->workload));
    own->attempt = workload_value(c->workload);
    name_of('l', own->key, name);
    int code = workload_invoke(c, OPERATION_ACQUIRE, own->key, VALUE_NIL);
    if (code == 0)
        code = record_call_read(c, name, read_to_take);
    if (code != 0)
        own->attempt = 0;
    return code;
}

static struct workload_outcome released(struct workload_client *c, const struct rpc_reply *reply)
{
    struct client *own = c->state;
    enum operation_end end = workload_end_of_write(reply);
    if (end != END_FAIL) { /* else it is still held */
        own->attempt = 0;
        own->holds = false;
    }
    return (struct workload_outcome){end, VALUE_NIL};
}

static int begin_release(struct workload_client *c)
{
    const struct client *own = c->state;
    struct record_condition condition = {.revision = own->token};
    char name[RECORD_TEXT_MAX];
    name_of('l', own->key, name);
    c->process = own->process;
    int code = workload_invoke(c, OPERATION_RELEASE, own->key, VALUE_NIL);
    if (code != 0)
        return code;
    workload_operation(c)->other = (int64_t)own->token;
    return record_call_write(c, name, "0", 0, &condition, released);
}

/* ---- what it protects ---- */

static struct workload_outcome written(struct workload_client *c, const struct rpc_reply *reply)
{
    return (struct workload_outcome){record_end(c, reply), VALUE_NIL};
}

static struct workload_outcome read_to_write(struct workload_client *c, const struct rpc_reply *reply)
{
    const struct operation *o = workload_operation(c);
    struct record_found found;
    char name[RECORD_TEXT_MAX], text[RECORD_TEXT_MAX];
    bool told = record_found(reply, &found) && (!found.there || (found.revision != 0 && found.value > 0));
    if (!told || (found.there && found.value > o->other))
        return (struct workload_outcome){END_FAIL, VALUE_NIL};
    struct record_condition condition = unchanged(&found);
    name_of('p', o->key, name);
    snprintf(text, sizeof text, "%lld", (long long)o->other);
    record_call_write(c, name, text, 0, &condition, written);
    return goes_on;
}

static int begin_write(struct workload_client *c)
{
    const struct client *own = c->state;
    char name[RECORD_TEXT_MAX];
    name_of('p', own->token_key, name);
    int code = workload_invoke(c, OPERATION_WRITE, own->token_key, workload_value(c->workload));
    if (code != 0)
        return code;
    workload_operation(c)->other = (int64_t)own->token;
    return record_call_read(c, name, read_to_write);
}

static int begin(struct workload_client *c)
{
    const struct client *own = c->state;
    struct random *r = workload_random(c->workload);
    if (own->holds)
        return random_below(r, 2) == 0 ? begin_write(c) : begin_release(c);
    return own->token != 0 && random_below(r, 8) == 0 ? begin_write(c) : begin_acquire(c);
}

static int prepare(struct workload *w, struct error *err)
{
    return workload_client_states(w, sizeof(struct client), err);
}

const struct workload_kind workload_store_lock = {
    .name = "store-lock",
    .summary = "locks made of conditional writes, with fencing tokens, and the writes they protect",
    .services = (const char *const[]){RECORD_SERVICE, NULL},
    .models = (const char *const[]){"lock", "fencing", NULL},
    .prepare = prepare,
    .begin = begin,
};
