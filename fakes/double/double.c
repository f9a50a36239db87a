/* Making, forgetting, and the log's numbers. */
#include "fakes/double/internal.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* The log lets go of an entry. */
static void on_forget(void *arg, const struct log_entry *e)
{
    struct fake *f = arg;
    struct fake_record *r;
    f->methods[e->method].forgotten++;
    if (!e->held)
        return;
    memcpy(&r, log_payload_of(e), sizeof r);
    fake_release(f, r);
}

int fake_new(const struct pb_service *service, struct fake **out)
{
    if (service->method_count > FAKE_METHODS_MAX)
        return ERROR_LIMIT;
    struct fake *f = calloc(1, sizeof *f);
    struct method_state *methods = calloc(service->method_count + 1, sizeof *methods);
    if (f == NULL || methods == NULL || pthread_mutex_init(&f->lock, NULL) != 0) {
        free(f);
        free(methods);
        return ERROR_MEMORY;
    }
    f->service = service;
    f->methods = methods;
    f->log.limit = FAKE_KEEP_DEFAULT;
    f->log.forget = on_forget;
    f->log.arg = f;
    for (size_t i = 0; i < service->method_count; i++) {
        methods[i].method = &service->methods[i];
        methods[i].input = service->methods[i].input->descriptor;
        methods[i].output = service->methods[i].output->descriptor;
    }
    *out = f;
    return 0;
}

const struct pb_service *fake_service(const struct fake *f)
{
    return f->service;
}

struct fake *fake_looked_at(const struct fake *f)
{
    union {
        const struct fake *looked_at;
        struct fake *locked;
    } same = {.looked_at = f};
    return same.locked;
}

void fake_release(struct fake *f, struct fake_record *r)
{
    if (--r->references > 0)
        return;
    f->held -= r->counted;
    text_deinit(&r->request);
    text_deinit(&r->replies);
    text_deinit(&r->message);
    text_deinit(&r->by);
    array_deinit(&r->ends);
    array_deinit(&r->reply_ends);
    free(r);
}

static void forget(struct fake *f)
{
    log_deinit(&f->log);
    f->log.forgotten = f->total = 0;
    for (size_t i = 0; i < f->service->method_count; i++) {
        struct method_state *m = &f->methods[i];
        fake_forget_program(m);
        array_deinit(&m->calls);
        m->count = m->forgotten = 0;
        m->empty = NULL;
    }
    arena_deinit(&f->arena);
    for (size_t i = 0; i < f->failures.count; i++)
        free(f->failures.items[i].text);
    array_deinit(&f->failures);
    f->failure_count = 0;
    for (size_t i = 0; i < f->expectations.count; i++)
        free(f->expectations.items[i].terms);
    array_deinit(&f->expectations);
}

void fake_free(struct fake *f)
{
    if (f == NULL)
        return;
    forget(f);
    for (size_t i = 0; i < f->responders.count; i++)
        if (f->responders.items[i].release != NULL)
            f->responders.items[i].release(f->responders.items[i].arg);
    array_deinit(&f->responders);
    text_deinit(&f->told);
    pthread_mutex_destroy(&f->lock);
    pb_pool_free(f->pool);
    free(f->methods);
    free(f);
}

void fake_reset(struct fake *f)
{
    pthread_mutex_lock(&f->lock);
    forget(f);
    pthread_mutex_unlock(&f->lock);
    for (size_t i = 0; i < f->responders.count; i++)
        if (f->responders.items[i].reset != NULL)
            f->responders.items[i].reset(f->responders.items[i].arg, "");
}

void fake_keep(struct fake *f, size_t bytes)
{
    pthread_mutex_lock(&f->lock);
    f->log.limit = bytes;
    atomic_store_explicit(&f->counts_only, bytes == 0, memory_order_relaxed);
    if (bytes == 0)
        log_forget(&f->log);
    pthread_mutex_unlock(&f->lock);
}

size_t fake_kept(const struct fake *f)
{
    struct fake *locked = fake_looked_at(f);
    pthread_mutex_lock(&locked->lock);
    size_t bytes = f->log.bytes + f->held;
    pthread_mutex_unlock(&locked->lock);
    return bytes;
}

int64_t fake_forgotten(const struct fake *f)
{
    struct fake *locked = fake_looked_at(f);
    pthread_mutex_lock(&locked->lock);
    int64_t forgotten = f->log.forgotten;
    pthread_mutex_unlock(&locked->lock);
    return forgotten;
}

struct method_state *fake_method(const struct fake *f, const char *name)
{
    for (size_t i = 0; i < f->service->method_count; i++)
        if (strcmp(f->methods[i].method->name, name) == 0)
            return &f->methods[i];
    return NULL;
}

/* ---- the log's numbers ---- */

bool fake_enter_record(struct fake *f, struct fake_record *r)
{
    struct method_state *m = r->method;
    if (f->log.limit > 0) {
        while (f->log.first != NULL && f->log.bytes + f->held > f->log.limit)
            log_forget_first(&f->log);
        struct log_entry *e = log_add(&f->log, sizeof r);
        if (e == NULL)
            return false;
        e->method = (uint16_t)(m - f->methods);
        e->held = true;
        e->status = FAKE_UNANSWERED;
        memcpy(log_payload(e), &r, sizeof r);
        r->references++;
    } else {
        f->log.forgotten++;
        m->forgotten++;
    }
    r->index = m->count++;
    r->sequence = f->total++;
    return true;
}

int fake_directory(struct fake *f)
{
    bool failed = false;
    const struct log_entry *e;
    for (size_t i = 0; f->log.entries.count == 0 && i < f->service->method_count; i++)
        array_clear(&f->methods[i].calls);
    while ((e = log_read(&f->log, &failed)) != NULL) {
        struct method_state *m = &f->methods[e->method];
        int64_t sequence = f->log.forgotten + (int64_t)f->log.entries.count - 1;
        if (!array_push(&m->calls, sequence)) {
            log_unread(&f->log);
            failed = true;
            break;
        }
    }
    return failed ? ERROR_MEMORY : 0;
}

/* ---- what is found wrong ---- */

void fake_fail(struct fake *f, const char *file, int line, const char *format, ...)
{
    struct text text = TEXT_INIT;
    va_list args;
    va_start(args, format);
    text_vprintf(&text, format, args);
    va_end(args);
    char *taken = text_take(&text);
    pthread_mutex_lock(&f->lock);
    f->failure_count++;
    if (taken != NULL && f->failures.count < FAKE_FAILURES_MAX &&
        array_push(&f->failures, ((struct failure){file, line, taken})))
        taken = NULL;
    pthread_mutex_unlock(&f->lock);
    free(taken);
}
