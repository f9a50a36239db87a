#include "fakes/broker/internal.h"

#include "base/units.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int out_of_memory(struct error *err)
{
    return error_set(err, ERROR_MEMORY, "out of memory");
}

/* ---- reading all of it ------------------------------------------------------------------------------------------ */

struct reading {
    struct pact_broker *broker;
    enum pact_broker_kind kind;
    struct error *err;
};

static bool is_record(const char *path)
{
    size_t len = strlen(path);
    return len > 5 && strcmp(path + len - 5, ".json") == 0;
}

/* A record that was moved by hand would be read as something it does not say. */
static int check_place(struct reading *r, const char *path, const struct pact_broker_record *record)
{
    struct text right = TEXT_INIT;
    text_printf(&right, "%s/", r->broker->folder);
    pact_broker_record_path(record, &right);
    int code =
        !text_ok(&right) ? out_of_memory(r->err)
        : strcmp(text_string(&right), path) == 0
            ? 0
            : error_set_at(r->err, ERROR_INVALID, path, 1, 1, "by what it says it belongs to %s", text_string(&right));
    text_deinit(&right);
    return code;
}

static int read_one(void *arg, const char *path)
{
    struct reading *r = arg;
    struct text text = TEXT_INIT;
    struct pact_broker_record record;
    if (!is_record(path))
        return 0;
    int code = world_read_file(r->broker->world, path, BROKER_RECORD_MAX, &text, r->err);
    if (code == 0)
        code = pact_broker_record_parse(text_bytes(&text), path, r->kind, &r->broker->arena, &record, r->err);
    if (code == 0)
        code = check_place(r, path, &record);
    if (code == 0 && !array_push(&r->broker->records, record))
        code = out_of_memory(r->err);
    text_deinit(&text);
    return code;
}

static int read_all(struct pact_broker *b, enum pact_broker_kind kind, struct error *err)
{
    struct reading r = {b, kind, err};
    struct world_stat stat;
    const char *folder = arena_printf(&b->arena, "%s/%s", b->folder, pact_broker_folders[kind]);
    if (folder == NULL)
        return out_of_memory(err);
    int code = world_stat(b->world, folder, &stat);
    if (code != 0)
        return error_set(err, code, "%s: %s", folder, error_code_name(code));
    return stat.exists ? world_walk(b->world, folder, read_one, &r, err) : 0;
}

int pact_broker_open(struct world *w, const char *folder, struct pact_broker **out, struct error *err)
{
    struct pact_broker *b = calloc(1, sizeof *b);
    if (b == NULL)
        return out_of_memory(err);
    b->world = w;
    size_t len = strlen(folder);
    while (len > 1 && folder[len - 1] == '/')
        len--;
    b->folder = arena_string_n(&b->arena, folder, len);
    int code = b->folder != NULL ? 0 : out_of_memory(err);
    for (int kind = 0; kind < BROKER_KINDS && code == 0; kind++)
        code = read_all(b, (enum pact_broker_kind)kind, err);
    if (code != 0) {
        pact_broker_close(b);
        return code;
    }
    *out = b;
    return 0;
}

void pact_broker_close(struct pact_broker *b)
{
    if (b == NULL)
        return;
    array_deinit(&b->records);
    arena_deinit(&b->arena);
    free(b);
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

static int write_file(struct pact_broker *b, const char *path, struct bytes content, struct error *err)
{
    const char *slash = strrchr(path, '/');
    char *folder = arena_string_n(&b->arena, path, (size_t)(slash - path));
    if (folder == NULL)
        return out_of_memory(err);
    int code = world_make_directory(b->world, folder);
    if (code != 0)
        return error_set(err, code, "cannot make the folder %s: %s", folder, error_code_name(code));
    return world_write_file(b->world, path, content, false, err);
}

static bool is_same(const struct pact_broker_record *a, const struct pact_broker_record *b)
{
    struct text left = TEXT_INIT, right = TEXT_INIT;
    pact_broker_record_path(a, &left);
    pact_broker_record_path(b, &right);
    bool same = text_ok(&left) && text_ok(&right) && strcmp(text_string(&left), text_string(&right)) == 0;
    text_deinit(&left);
    text_deinit(&right);
    return same;
}

/* The file, and the record among the others. It is read back as any other is, so that what could not be read is never
 * written. */
static int put(struct pact_broker *b, struct pact_broker_record *r, struct error *err)
{
    struct text path = TEXT_INIT, content = TEXT_INIT;
    struct pact_broker_record kept;
    char now[40];
    units_format_time(world_wall(b->world), now, sizeof now);
    r->time = now;
    text_printf(&path, "%s/", b->folder);
    pact_broker_record_path(r, &path);
    int code = pact_broker_record_write(r, &content) && text_ok(&path) ? 0 : out_of_memory(err);
    if (code == 0)
        code = pact_broker_record_parse(text_bytes(&content), text_string(&path), r->kind, &b->arena, &kept, err);
    if (code == 0)
        code = write_file(b, text_string(&path), text_bytes(&content), err);
    text_deinit(&path);
    text_deinit(&content);
    if (code != 0)
        return code;
    for (size_t i = 0; i < b->records.count; i++)
        if (b->records.items[i].kind == r->kind && is_same(&b->records.items[i], &kept)) {
            b->records.items[i] = kept;
            return 0;
        }
    return array_push(&b->records, kept) ? 0 : out_of_memory(err);
}

static bool sha_of(struct bytes content, char *out)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    if (EVP_Digest(content.data, content.len, digest, &len, EVP_sha256(), NULL) != 1)
        return false;
    for (size_t i = 0; i < (BROKER_SHA_SIZE - 1) / 2; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", digest[i]);
    return true;
}

/* Written once; `sha` is its name. */
static int put_pact(struct pact_broker *b, const struct pact *pact, char *sha, struct error *err)
{
    struct text content = TEXT_INIT;
    struct world_stat stat;
    int code = pact_write(pact, &content) == 0 && text_ok(&content) && sha_of(text_bytes(&content), sha)
                   ? 0
                   : out_of_memory(err);
    const char *path = code == 0 ? arena_printf(&b->arena, "%s/pacts/%s.json", b->folder, sha) : NULL;
    if (code == 0 && path == NULL)
        code = out_of_memory(err);
    if (code == 0 && (code = world_stat(b->world, path, &stat)) != 0)
        error_set(err, code, "%s: %s", path, error_code_name(code));
    if (code == 0 && !stat.exists)
        code = write_file(b, path, text_bytes(&content), err);
    text_deinit(&content);
    return code;
}

int pact_broker_publish(struct pact_broker *b, const struct pact *pact, const char *version, const char *branch,
                        const char *const *tags, size_t tag_count, struct error *err)
{
    char sha[BROKER_SHA_SIZE];
    const struct pact_broker_record *had = pact_broker_publication(b, pact->consumer, pact->provider, version);
    int code = put_pact(b, pact, sha, err);
    if (code == 0 && had != NULL && strcmp(had->pact, sha) != 0)
        return error_set(err, ERROR_EXISTS,
                         "%s of %s was published with another pact with %s (%.12s, now %.12s); what is published does "
                         "not change: publish a new version",
                         version, pact->consumer, pact->provider, had->pact, sha);
    struct pact_broker_record r = {.kind = BROKER_PUBLICATION,
                                   .component = pact->consumer,
                                   .provider = pact->provider,
                                   .version = version,
                                   .pact = sha};
    if (code == 0 && had == NULL)
        code = put(b, &r, err);
    if (code == 0 && branch != NULL)
        code = pact_broker_set_branch(b, pact->consumer, version, branch, err);
    for (size_t i = 0; i < tag_count && code == 0; i++)
        code = pact_broker_set_tag(b, pact->consumer, version, tags[i], err);
    return code;
}

int pact_broker_set_branch(struct pact_broker *b, const char *component, const char *version, const char *branch,
                           struct error *err)
{
    return put(
        b,
        &(struct pact_broker_record){.kind = BROKER_BRANCH, .component = component, .version = version, .name = branch},
        err);
}

int pact_broker_set_tag(struct pact_broker *b, const char *component, const char *version, const char *tag,
                        struct error *err)
{
    return put(
        b, &(struct pact_broker_record){.kind = BROKER_TAG, .component = component, .version = version, .name = tag},
        err);
}

int pact_broker_deploy(struct pact_broker *b, const char *component, const char *version, const char *environment,
                       struct error *err)
{
    return put(b,
               &(struct pact_broker_record){
                   .kind = BROKER_DEPLOYMENT, .component = component, .version = version, .name = environment},
               err);
}

int pact_broker_add_result(struct pact_broker *b, const struct pact_broker_record *result, struct error *err)
{
    struct pact_broker_record r = *result;
    r.kind = BROKER_RESULT;
    return put(b, &r, err);
}

/* ---- asking ----------------------------------------------------------------------------------------------------- */

int pact_broker_read_pact(struct pact_broker *b, const char *sha, struct pact **out, struct error *err)
{
    struct text content = TEXT_INIT;
    char is[BROKER_SHA_SIZE];
    const char *path = arena_printf(&b->arena, "%s/pacts/%s.json", b->folder, sha);
    if (path == NULL)
        return out_of_memory(err);
    int code = world_read_file(b->world, path, BROKER_PACT_MAX, &content, err);
    if (code == 0 && !sha_of(text_bytes(&content), is))
        code = out_of_memory(err);
    if (code == 0 && strcmp(is, sha) != 0)
        code = error_set_at(err, ERROR_INVALID, path, 1, 1,
                            "its content is not what was published: the SHA-256 is %s (git must not change line ends "
                            "here)",
                            is);
    if (code == 0)
        code = pact_parse(text_bytes(&content), path, out, err);
    text_deinit(&content);
    return code;
}

static bool is(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

const struct pact_broker_record *pact_broker_last(
    const struct pact_broker *b, const char *consumer, const char *provider,
    bool (*fits)(const struct pact_broker *b, const struct pact_broker_record *publication, const char *name),
    const char *name)
{
    const struct pact_broker_record *last = NULL;
    for (size_t i = 0; i < b->records.count; i++) {
        const struct pact_broker_record *r = &b->records.items[i];
        if (r->kind != BROKER_PUBLICATION || !is(r->component, consumer) || !is(r->provider, provider) ||
            !fits(b, r, name))
            continue;
        int later = last != NULL ? strcmp(r->time, last->time) : 1;
        if (later > 0 || (later == 0 && strcmp(r->version, last->version) > 0))
            last = r;
    }
    return last;
}

const struct pact_broker_record *pact_broker_result(const struct pact_broker *b, const char *provider,
                                                    const char *version, const char *pact)
{
    for (size_t i = 0; i < b->records.count; i++) {
        const struct pact_broker_record *r = &b->records.items[i];
        if (r->kind == BROKER_RESULT && is(r->provider, provider) && is(r->version, version) && is(r->pact, pact))
            return r;
    }
    return NULL;
}

const struct pact_broker_record *pact_broker_deployed(const struct pact_broker *b, const char *component,
                                                      const char *environment)
{
    for (size_t i = 0; i < b->records.count; i++) {
        const struct pact_broker_record *r = &b->records.items[i];
        if (r->kind == BROKER_DEPLOYMENT && is(r->component, component) && is(r->name, environment))
            return r;
    }
    return NULL;
}

const struct pact_broker_record *pact_broker_publication(const struct pact_broker *b, const char *consumer,
                                                         const char *provider, const char *version)
{
    for (size_t i = 0; i < b->records.count; i++) {
        const struct pact_broker_record *r = &b->records.items[i];
        if (r->kind == BROKER_PUBLICATION && is(r->component, consumer) && is(r->provider, provider) &&
            is(r->version, version))
            return r;
    }
    return NULL;
}
