/* What a component is told, from its command line and its environment, the same in both worlds. Names may be written
 * with '-' or '_', with or without v3's "auth-" in front of the keys. */
#include "runtime/component.h"

#include "base/arena.h"
#include "base/base64.h"
#include "base/document.h"
#include "base/text.h"
#include "base/units.h"

#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_LEN 64 /* characters of an option's name */

struct micro_options_storage {
    struct micro_options options;
    struct arena arena;
};

enum kind { TEXT, PORT, PEM };

static const struct row {
    const char *name, *alias; /* the environment's names are MICRO_ and these in capitals */
    enum kind kind;
    size_t offset; /* into struct micro_options */
} rows[] = {
    {"data-dir", NULL, TEXT, offsetof(struct micro_options, data_dir)},
    {"host", NULL, TEXT, offsetof(struct micro_options, host)},
    {"base-port", NULL, PORT, offsetof(struct micro_options, base_port)},
    {"address", "service-address", TEXT, offsetof(struct micro_options, address)},
    {"profile", NULL, TEXT, offsetof(struct micro_options, profile)},
    {"peers", NULL, TEXT, offsetof(struct micro_options, peers)},
    {"auth-public-key", "public-key", PEM, offsetof(struct micro_options, public_key)},
    {"auth-private-key", "private-key", PEM, offsetof(struct micro_options, private_key)},
    {"token", "auth-token", TEXT, offsetof(struct micro_options, token)},
    {"admin-secret", "auth-admin-secret", TEXT, offsetof(struct micro_options, admin_secret)},
    {"config-secret-key", "config-key", TEXT, offsetof(struct micro_options, config_key)},
    {"run-dir", NULL, TEXT, offsetof(struct micro_options, run_dir)},
    {"namespace", NULL, TEXT, offsetof(struct micro_options, namespace)},
    {"service-version", NULL, TEXT, offsetof(struct micro_options, version)},
    {"auth-id", NULL, TEXT, offsetof(struct micro_options, auth_id)},
    {"auth-secret", NULL, TEXT, offsetof(struct micro_options, auth_secret)},
    {"proxy", NULL, TEXT, offsetof(struct micro_options, proxy)},
};
#define ROW_COUNT (sizeof rows / sizeof rows[0])

/* PEM as it is, or base64 of it: an environment cannot carry lines everywhere. */
static const char *read_pem(struct arena *a, const char *value, struct error *err, const char *name)
{
    if (strstr(value, "-----BEGIN"))
        return arena_string(a, value);
    struct text plain = TEXT_INIT;
    const char *out = NULL;
    if (base64_decode(&plain, bytes_of(value)) && text_ok(&plain) && strstr(text_string(&plain), "-----BEGIN"))
        out = arena_string(a, text_string(&plain));
    else
        error_set(err, ERROR_INVALID, "%s is neither a key in PEM form nor base64 of one", name);
    text_deinit(&plain);
    return out;
}

static int set_value(struct micro_options_storage *s, const struct row *row, const char *shown, const char *value,
                     struct error *err)
{
    char *member = (char *)&s->options + row->offset;
    if (row->kind == PORT) {
        int64_t port = 0;
        struct error why = ERROR_INIT;
        int rc = units_parse_integer(value, 0, 65535 - MICRO_OFFSET_MAX, &port, &why);
        if (rc) {
            error_wrap(&why, "%s", shown);
            return error_move(err, &why);
        }
        int as_int = (int)port;
        memcpy(member, &as_int, sizeof as_int);
        return 0;
    }
    struct error why = ERROR_INIT;
    const char *copy = row->kind == PEM ? read_pem(&s->arena, value, &why, shown) : arena_string(&s->arena, value);
    if (!copy)
        return why.code ? error_move(err, &why) : error_set(err, ERROR_MEMORY, "out of memory");
    memcpy(member, &copy, sizeof copy);
    return 0;
}

static bool same_name(const char *given, size_t len, const char *name)
{
    if (!name || strlen(name) != len)
        return false;
    for (size_t i = 0; i < len; i++)
        if (given[i] != name[i] && !(given[i] == '_' && name[i] == '-'))
            return false;
    return true;
}

static const struct row *find_row(const char *given, size_t len)
{
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (same_name(given, len, rows[i].name) || same_name(given, len, rows[i].alias))
            return &rows[i];
    return NULL;
}

/* ---- a component's own ------------------------------------------------------------------------------------------ */

#define OWN_OPTIONS_MAX 32 /* of one component */

static const char *find_own(const struct component *c, const char *given, size_t len)
{
    for (const char *const *o = c ? c->options : NULL; o && *o; o++)
        if (same_name(given, len, *o))
            return *o;
    return NULL;
}

/* A later one hides an earlier one. */
static int add_own(struct micro_options_storage *s, const char *name, const char *value, struct error *err)
{
    struct micro_own_option *o = ARENA_NEW(&s->arena, struct micro_own_option);
    const char *copy = arena_string(&s->arena, value);
    if (!o || !copy)
        return error_set(err, ERROR_MEMORY, "out of memory");
    *o = (struct micro_own_option){.name = name, .value = copy, .next = s->options.own};
    s->options.own = o;
    return 0;
}

const char *micro_option(const struct micro_options *options, const char *name)
{
    for (const struct micro_own_option *o = options->own; o; o = o->next)
        if (strcmp(o->name, name) == 0)
            return o->value;
    return NULL;
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static int unknown_option(const struct component *c, const char *given, struct error *err)
{
    const char *words[ROW_COUNT + OWN_OPTIONS_MAX + 1] = {NULL};
    size_t n = ROW_COUNT;
    for (size_t i = 0; i < ROW_COUNT; i++)
        words[i] = rows[i].name;
    for (const char *const *o = c ? c->options : NULL; o && *o && n < ROW_COUNT + OWN_OPTIONS_MAX; o++)
        words[n++] = *o;
    const char *near = nearest_word(given + 2, words);
    if (near)
        return error_set(err, ERROR_INVALID, "unknown option %.80s; did you mean --%s?", given, near);
    return error_set(err, ERROR_INVALID, "unknown option %.80s", given);
}

static const char *env_value(const char *(*getenv_like)(const char *name), const char *name)
{
    char variable[NAME_MAX_LEN] = "MICRO_";
    if (!name)
        return NULL;
    size_t n = strlen(variable);
    for (size_t i = 0; name[i] && n < sizeof variable - 1; i++) {
        variable[n] = '_';
        if (name[i] != '-')
            variable[n] = (char)toupper((unsigned char)name[i]);
        n++;
    }
    variable[n] = '\0';
    const char *value = getenv_like(variable);
    return value && *value ? value : NULL;
}

static int read_environment(struct micro_options_storage *s, const struct component *c,
                            const char *(*getenv_like)(const char *name), struct error *err)
{
    for (const char *const *o = c ? c->options : NULL; o && *o; o++) {
        char name[NAME_MAX_LEN];
        int n = snprintf(name, sizeof name, "%s-%s", c->name, *o);
        const char *value = n > 0 && (size_t)n < sizeof name ? env_value(getenv_like, name) : NULL;
        int rc = value ? add_own(s, *o, value, err) : 0;
        if (rc)
            return rc;
    }
    for (size_t i = 0; i < ROW_COUNT; i++) {
        const char *value = env_value(getenv_like, rows[i].name);
        if (!value)
            value = env_value(getenv_like, rows[i].alias);
        int rc = value ? set_value(s, &rows[i], rows[i].name, value, err) : 0;
        if (rc)
            return rc;
    }
    return 0;
}

/* The component's name, after the program's and perhaps the word "service"; *at: the first argument behind it. */
static int read_name(struct micro_options_storage *s, int argc, const char *const *argv, int *at, struct error *err)
{
    int i = 1;
    if (i < argc && strcmp(argv[i], "service") == 0)
        i++;
    if (i >= argc || argv[i][0] == '-' || argv[i][0] == '\0')
        return error_set(err, ERROR_INVALID, "the component's name is missing");
    s->options.name = arena_string(&s->arena, argv[i]);
    *at = i + 1;
    return s->options.name ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
}

static int read_arguments(struct micro_options_storage *s, const struct component *c, int argc, const char *const *argv,
                          struct error *err)
{
    for (int i = 0; i < argc; i++) {
        const char *given = argv[i];
        if (strncmp(given, "--", 2) != 0)
            return error_set(err, ERROR_INVALID, "unexpected argument \"%.80s\"", given);
        size_t len = strcspn(given + 2, "=");
        const struct row *row = find_row(given + 2, len);
        const char *own = row ? NULL : find_own(c, given + 2, len);
        if (!row && !own)
            return unknown_option(c, given, err);
        const char *value = given[2 + len] == '=' ? given + 2 + len + 1 : NULL;
        if (!value && i + 1 >= argc)
            return error_set(err, ERROR_INVALID, "option --%s needs a value", row ? row->name : own);
        if (!value)
            value = argv[++i];
        int rc = row ? set_value(s, row, row->name, value, err) : add_own(s, own, value, err);
        if (rc)
            return rc;
    }
    return 0;
}

int micro_options_parse(int argc, const char *const *argv, const char *(*getenv_like)(const char *name),
                        struct micro_options_storage **storage, const struct micro_options **out, struct error *err)
{
    struct micro_options_storage *s = calloc(1, sizeof *s);
    if (!s)
        return error_set(err, ERROR_MEMORY, "out of memory");
    s->options = (struct micro_options){.host = "127.0.0.1", .base_port = MICRO_BASE_PORT, .profile = "local"};
    int at = 0;
    int rc = read_name(s, argc, argv, &at, err);
    const struct component *c = rc == 0 ? component_find(s->options.name) : NULL;
    if (rc == 0 && getenv_like)
        rc = read_environment(s, c, getenv_like, err);
    if (rc == 0)
        rc = read_arguments(s, c, argc - at, argv + at, err);
    /* "service" is what the runtime component tells those it runs: everything by calls to the components. */
    if (rc == 0 && strcmp(s->options.profile, "local") != 0 && strcmp(s->options.profile, "service") != 0)
        rc = error_set(err, ERROR_UNSUPPORTED, "profile \"%.40s\" is not there; \"local\" is", s->options.profile);
    if (rc == 0 && !s->options.data_dir)
        s->options.data_dir = "micro";
    if (rc) {
        micro_options_free(s);
        return rc;
    }
    *storage = s;
    *out = &s->options;
    return 0;
}

void micro_options_free(struct micro_options_storage *s)
{
    if (!s)
        return;
    arena_deinit(&s->arena);
    free(s);
}

/* ---- peers ------------------------------------------------------------------------------------------------------ */

bool micro_peer_named(const struct micro_options *options, const char *component, char *out, size_t size)
{
    size_t name_len = strlen(component);
    for (const char *p = options->peers; p && *p;) {
        p += strspn(p, ", ");
        size_t len = strcspn(p, ", ");
        const char *equals = memchr(p, '=', len);
        if (equals && (size_t)(equals - p) == name_len && memcmp(p, component, name_len) == 0) {
            size_t value_len = len - name_len - 1;
            if (value_len == 0 || value_len >= size)
                return false;
            memcpy(out, equals + 1, value_len);
            out[value_len] = '\0';
            return true;
        }
        p += len;
    }
    return false;
}

bool micro_peer_fixed(const struct micro_options *options, const char *component)
{
    char address[512];
    return component_is_core(component) || micro_peer_named(options, component, address, sizeof address);
}

int micro_peer_address(const struct micro_options *options, const char *component, char *out, size_t size)
{
    if (micro_peer_named(options, component, out, size))
        return 0;
    const struct component *c = component_find(component);
    if (!c)
        return ERROR_NOT_FOUND;
    const char *host = options->host ? options->host : "127.0.0.1";
    if (strcmp(host, "0.0.0.0") == 0 || strcmp(host, "[::]") == 0)
        host = "127.0.0.1";
    int base = options->base_port ? options->base_port : MICRO_BASE_PORT;
    int n = snprintf(out, size, "%s:%d", host, base + c->port_offset);
    return n > 0 && (size_t)n < size ? 0 : ERROR_LIMIT;
}
