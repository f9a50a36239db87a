#include "e2e/step/talk.h"

#include "base/units.h"

#include <stdlib.h>
#include <string.h>

#define PEM_MAX ((size_t)1 << 20) /* bytes of a file */

struct listening {
    struct flow_context *x;
    const struct node *step;
    struct talk *talk;
    size_t wanted, looked;
    bool to_the_end, early;
};

struct talk *talk_find(const struct flow_context *x, const char *name)
{
    struct talk *t = x->run->talks;
    while (t != NULL && (t->name == NULL || strcmp(t->name, name) != 0))
        t = t->next;
    return t;
}

void talk_free(struct talk *t)
{
    if (t == NULL)
        return;
    json_t *came = t->came, *head = t->head, *closed = t->closed;
    char *name = t->name;
    error_clear(&t->error);
    t->end(t);
    json_decref(came);
    json_decref(head);
    json_decref(closed);
    free(name);
}

void talks_close(struct flow_context *x)
{
    while (x->run->talks != NULL) {
        struct talk *t = x->run->talks;
        x->run->talks = t->next;
        talk_free(t);
    }
}

int talk_keep(struct flow_context *x, const struct node *step, struct talk *t)
{
    const struct node *as = node_get(step, "as");
    if (as == NULL)
        return 0;
    t->name = expand_text(x, as);
    int code = t->name != NULL ? 0 : x->error.code;
    if (code == 0 && talk_find(x, t->name) != NULL)
        code = flow_wrong(x, as, ERROR_EXISTS, "\"%s\" is open already", t->name);
    if (code != 0) {
        talk_free(t);
        return code;
    }
    t->next = x->run->talks;
    x->run->talks = t;
    return 0;
}

/* ---- waiting ---- */

/* An item that is already another than the step expects. */
static bool out_of_order(struct listening *l, size_t i)
{
    const struct node *expect = node_get(l->step, "expect");
    const struct node *list = expect != NULL ? node_get(expect, "messages") : NULL;
    return list != NULL && list->kind == NODE_LIST && i < list->list.count &&
           !would_match(l->x, &list->list.items[i], json_array_get(l->talk->came, i));
}

/* Notes what differs in the first that is wrong. */
static void tell_order(struct listening *l)
{
    size_t i = 0;
    struct text path = TEXT_INIT;
    while (i < l->looked && !out_of_order(l, i))
        i++;
    text_printf(&path, "messages[%zu]", i);
    if (i < l->looked)
        match_node(l->x, &node_get(node_get(l->step, "expect"), "messages")->list.items[i],
                   json_array_get(l->talk->came, i), text_string(&path), false);
    text_deinit(&path);
}

static bool decided(void *arg)
{
    struct listening *l = arg;
    const struct talk *t = l->talk;
    size_t count = json_array_size(t->came);
    for (; l->looked < count && (l->to_the_end || l->looked < l->wanted); l->looked++)
        l->early = l->early || out_of_order(l, l->looked);
    if (t->error.code != 0 || t->memory || t->closed != NULL || l->early)
        return true;
    return !l->to_the_end && count >= l->wanted && t->head != NULL;
}

static int set_answer(struct listening *l, size_t count, uint64_t waited)
{
    struct flow_context *x = l->x;
    struct talk *t = l->talk;
    json_t *messages = json_array();
    bool ok = messages != NULL;
    for (size_t i = 0; i < count && ok; i++)
        ok = json_array_append(messages, json_array_get(t->came, i)) == 0;
    x->answer = json_pack("{s:o, s:I, s:f}", "messages", messages, "count", (json_int_t)count, "duration",
                          (double)waited / (double)SECOND);
    ok = ok && x->answer != NULL && (t->head == NULL || json_object_update(x->answer, t->head) == 0);
    if (ok && count == 1 && !l->to_the_end)
        ok = json_object_set(x->answer, "message", json_array_get(t->came, 0)) == 0;
    if (ok && t->closed != NULL && json_array_size(t->came) == count)
        ok = json_object_set(x->answer, "closed", t->closed) == 0;
    for (size_t i = 0; i < count; i++)
        json_array_remove(t->came, 0);
    return ok ? 0 : flow_memory(x);
}

static int judge_wait(struct listening *l, int code, size_t count, uint64_t waited)
{
    struct flow_context *x = l->x;
    struct talk *t = l->talk;
    const struct node *place = node_get(l->step, "count") != NULL ? node_get(l->step, "count") : l->step;
    const char *status = json_string_value(json_object_get(t->closed, "status"));
    char time[32];
    units_format_duration((int64_t)waited, time, sizeof time);
    if (t->memory)
        return flow_memory(x);
    if (t->error.code != 0) {
        error_move(&x->error, &t->error);
        return x->error.code;
    }
    if (code != 0 && code != ERROR_TIMEOUT)
        return error_set(&x->error, code, "%s", code == ERROR_CANCELLED ? "interrupted" : error_code_name(code));
    if (l->early) {
        tell_order(l);
        return 0;
    }
    if (l->to_the_end && t->closed == NULL)
        return node_error(place, &x->error, ERROR_TIMEOUT, "the other side has not ended within %s; %zu message%s came",
                          time, count, count == 1 ? "" : "s");
    if (!l->to_the_end && count < l->wanted)
        return node_error(place, &x->error, t->closed != NULL ? ERROR_CLOSED : ERROR_TIMEOUT,
                          "%zu message%s came within %s, expected %zu%s%s%s", count, count == 1 ? "" : "s", time,
                          l->wanted, t->closed != NULL ? "; the other side has ended" : "",
                          status != NULL ? " with " : "", status != NULL ? status : "");
    return 0;
}

static int read_wanted(struct listening *l)
{
    struct flow_context *x = l->x;
    const struct node *count = node_get(l->step, "count");
    const struct node *expect = node_get(l->step, "expect");
    bool looks = node_get(l->step, "capture") != NULL ||
                 (expect != NULL && (node_get(expect, "message") != NULL || node_get(expect, "messages") != NULL));
    node_may_bool(l->step, "closed", &l->to_the_end, NULL);
    l->wanted = looks && !l->to_the_end ? 1 : 0;
    if (count == NULL)
        return 0;
    json_t *value = expand_node(x, count);
    int code = value != NULL ? 0 : x->error.code;
    if (code == 0 && (!json_is_integer(value) || json_integer_value(value) < 0))
        code = flow_wrong(x, count, ERROR_INVALID, "\"count\" is a number of messages");
    else if (code == 0)
        l->wanted = (size_t)json_integer_value(value);
    json_decref(value);
    return code;
}

int talk_listen(struct flow_context *x, const struct node *step, struct talk *t)
{
    struct listening l = {.x = x, .step = step, .talk = t};
    uint64_t start = world_now(x->target->world);
    int code = read_wanted(&l), waited = 0;
    if (code == 0) {
        waited = decided(&l) ? 0 : flow_wait(x, decided, &l, step_timeout(x, step));
        (void)decided(&l);
        uint64_t time = world_now(x->target->world) - start;
        size_t count = json_array_size(t->came);
        count = l.early ? l.looked : !l.to_the_end && count > l.wanted ? l.wanted : count;
        code = judge_wait(&l, waited, count, time);
        int answered = set_answer(&l, count, time);
        code = code != 0 ? code : answered;
    }
    if (t->name == NULL)
        talk_free(t);
    return code;
}

/* ---- what is asked ---- */

int talk_url(struct flow_context *x, const struct node *place, const char *path, const char *plain, const char *secure,
             struct text *url)
{
    if (strncmp(path, plain, strlen(plain)) == 0 || strncmp(path, secure, strlen(secure)) == 0) {
        text_puts(url, path);
    } else if (x->target->gateway == NULL) {
        return flow_wrong(x, place, ERROR_INVALID, "%s has no gateway: give a whole URL", x->target->system);
    } else {
        const char *gateway = x->target->gateway;
        bool tls = strncmp(gateway, "https://", 8) == 0;
        text_printf(url, "%s%s%s%s", tls ? secure : plain, gateway + (tls ? 8 : 7), path[0] != '/' ? "/" : "", path);
    }
    return text_ok(url) ? 0 : flow_memory(x);
}

/* Those of the flow's namespace that the step does not have. */
static int add_space(struct flow_context *x, const struct node *own, const char *url, struct arena *arena,
                     struct http1_header *items, size_t max, size_t *count)
{
    json_t *more = json_object(), *value;
    const char *name;
    int code = more != NULL && space_headers(x, url, more) ? 0 : flow_memory(x);
    json_object_foreach(more, name, value)
    {
        bool there = false;
        for (size_t i = 0; own != NULL && i < own->map.count; i++)
            there = there || strcasecmp(own->map.pairs[i].key, name) == 0;
        const char *kept_name = arena_string(arena, name), *kept = arena_string(arena, json_string_value(value));
        if (code == 0 && (kept_name == NULL || kept == NULL))
            code = flow_memory(x);
        else if (code == 0 && !there && *count == max)
            code = flow_wrong(x, own, ERROR_LIMIT, "more than %zu headers", max);
        else if (code == 0 && !there)
            items[(*count)++] = (struct http1_header){bytes_of(kept_name), bytes_of(kept)};
    }
    json_decref(more);
    return code;
}

int talk_headers(struct flow_context *x, const struct node *step, const char *url, struct arena *arena,
                 struct http1_header *items, size_t max, size_t *count)
{
    const struct node *own = node_get(step, "headers");
    struct text cookies = TEXT_INIT;
    int code = 0;
    *count = 0;
    http_jar_give(x->run->cookies, url, world_wall(x->target->world), &cookies);
    if (cookies.len > 0) {
        const char *kept = arena_string(arena, text_string(&cookies));
        items[(*count)++] = (struct http1_header){bytes_of("cookie"), bytes_of(kept != NULL ? kept : "")};
        code = kept != NULL ? 0 : flow_memory(x);
    }
    text_deinit(&cookies);
    for (size_t i = 0; own != NULL && i < own->map.count && code == 0; i++) {
        const struct node_pair *p = &own->map.pairs[i];
        char *value = expand_text(x, &p->value);
        const char *kept = value != NULL ? arena_string(arena, value) : NULL;
        if (value == NULL)
            code = x->error.code;
        else if (kept == NULL)
            code = flow_memory(x);
        else if (*count == max)
            code = flow_wrong(x, own, ERROR_LIMIT, "more than %zu headers", max);
        else if (strpbrk(kept, "\r\n") != NULL || p->key[0] == '\0' || strpbrk(p->key, "\r\n: ") != NULL)
            code = flow_wrong(x, &p->value, ERROR_INVALID, "this is no header: names are words, values are one line");
        else
            items[(*count)++] = (struct http1_header){bytes_of(p->key), bytes_of(kept)};
        free(value);
    }
    return code != 0 ? code : add_space(x, own, url, arena, items, max, count);
}

int talk_tls(struct flow_context *x, const struct node *step, struct tls_context **out)
{
    static const char *const files[] = {"ca", "cert", "key"};
    const struct node *tls = node_get(step, "tls");
    struct text pem[3] = {TEXT_INIT, TEXT_INIT, TEXT_INIT};
    const char *texts[3] = {NULL};
    bool insecure = false;
    int code = 0;
    if (x->options->simulated)
        return flow_wrong(x, step, ERROR_UNSUPPORTED, "a simulation has no TLS");
    if (tls != NULL)
        node_may_bool(tls, "insecure", &insecure, NULL);
    for (size_t i = 0; i < 3 && tls != NULL && code == 0; i++) {
        const struct node *file = node_get(tls, files[i]);
        char *path = file != NULL ? expand_text(x, file) : NULL;
        if (path != NULL)
            code = flow_read_file(x, file, path, PEM_MAX, &pem[i]);
        else if (file != NULL)
            code = x->error.code;
        texts[i] = path != NULL ? text_string(&pem[i]) : NULL;
        free(path);
    }
    const struct tls_options options = {.insecure = insecure,
                                        .ca_pem = texts[0],
                                        .certificate_pem = texts[1],
                                        .key_pem = texts[2],
                                        .time = world_wall(x->target->world) / SECOND};
    if (code == 0 && (code = tls_context_new(&options, out, &x->error)) == ERROR_INVALID)
        x->wrong = true;
    for (size_t i = 0; i < 3; i++)
        text_deinit(&pem[i]);
    return code;
}

static int check_tls(const struct node *tls, struct error *err)
{
    static const char *const keys[] = {"insecure", "ca", "cert", "key", NULL};
    bool insecure;
    if (tls == NULL)
        return 0;
    int code = node_only_keys(tls, keys, err);
    if (code == 0)
        code = node_may_bool(tls, keys[0], &insecure, err);
    for (size_t i = 1; keys[i] != NULL && code == 0; i++) {
        const char *file;
        code = node_may_text(tls, keys[i], &file, err);
    }
    if (code == 0 && (node_get(tls, "cert") == NULL) != (node_get(tls, "key") == NULL))
        code = node_error(tls, err, ERROR_INVALID, "\"cert\" and \"key\" go together");
    return code;
}

int talk_check(const struct node *step, struct error *err)
{
    const struct node *count = node_get(step, "count"), *closed = node_get(step, "closed");
    if (count != NULL && closed != NULL)
        return node_error(closed, err, ERROR_INVALID,
                          "\"closed\" takes all that comes until the end: without \"count\"");
    if (count != NULL && !has_variable(count) && (count->kind != NODE_INTEGER || count->integer < 0))
        return node_error(count, err, ERROR_INVALID, "\"count\" is a number of messages");
    return check_tls(node_get(step, "tls"), err);
}
