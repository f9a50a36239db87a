/* How a service is to be run: from requests, and to and from its record. What is secret leaves here only sealed. */
#include "base/json_text.h"
#include "base/utf8.h"
#include "runtime/runtime/runner.h"

#include <stdlib.h>
#include <string.h>

bool runner_name_valid(const char *name)
{
    return strlen(name) <= RUNNER_NAME_MAX && logs_name_valid(name);
}

bool runner_variable_valid(const char *name, size_t len)
{
    if (len == 0 || len > RUNNER_NAME_MAX * 2)
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = name[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && !(i > 0 && c >= '0' && c <= '9'))
            return false;
    }
    return true;
}

struct runner_spec *runner_spec_new(void)
{
    struct runner_spec *s = calloc(1, sizeof *s);
    if (s) {
        s->arena.limit = RUNNER_SPEC_MAX;
        s->source = s->entrypoint = s->type = "";
        s->instances = 1;
        s->retries = -1;
    }
    return s;
}

void runner_spec_free(struct runner_spec *s)
{
    if (!s)
        return;
    arena_deinit(&s->arena);
    free(s);
}

/* ---- from requests ---- */

/* The arena's limit is the spec's, so no memory may mean too much of it. */
static int too_much(struct error *err)
{
    return error_set(err, ERROR_LIMIT, "too much: all texts of a service may have 256 KiB together");
}

static bool text_fine(const char *text)
{
    return strlen(text) <= RUNNER_TEXT_MAX && utf8_valid(bytes_of(text));
}

static int copy_text(struct runner_spec *s, const char *from, const char *what, const char **out, struct error *err)
{
    if (!text_fine(from))
        return error_set(err, ERROR_INVALID, "%s must be UTF-8 and have at most 32 KiB", what);
    *out = arena_string(&s->arena, from);
    return *out ? 0 : too_much(err);
}

static int copy_list(struct runner_spec *s, size_t count, char **from, size_t max, const char *what, const char ***out,
                     struct error *err)
{
    if (count > max)
        return error_set(err, ERROR_LIMIT, "too many of %s: at most %zu", what, max);
    *out = ARENA_NEW_N(&s->arena, const char *, count + 1);
    if (!*out)
        return too_much(err);
    for (size_t i = 0; i < count; i++) {
        int rc = copy_text(s, from[i], what, &(*out)[i], err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* What says who a service is cannot be given by whoever runs it. */
static bool reserved(const char *name, size_t len)
{
    static const char *const names[] = {"MICRO_AUTH_ID",      "MICRO_AUTH_SECRET",     "MICRO_NAMESPACE",
                                        "MICRO_SERVICE_NAME", "MICRO_SERVICE_VERSION", "MICRO_AUTH_PUBLIC_KEY"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0)
            return true;
    return false;
}

static int check_variable(const char *name, size_t len, struct error *err)
{
    if (!runner_variable_valid(name, len))
        return error_set(err, ERROR_INVALID,
                         "invalid environment variable \"%.*s\": NAME=value, where the name has letters, digits and _",
                         (int)(len < 60 ? len : 60), name);
    if (reserved(name, len))
        return error_set(err, ERROR_INVALID, "the variable %.*s is set by the runtime", (int)len, name);
    return 0;
}

static int check_environment(const struct runner_spec *s, struct error *err)
{
    for (size_t i = 0; s->env[i]; i++) {
        size_t len = strcspn(s->env[i], "=");
        int rc = check_variable(s->env[i], s->env[i][len] ? len : 0, err);
        if (rc < 0)
            return rc;
    }
    for (size_t i = 0; i < s->secret_count; i++) {
        int rc = check_variable(s->secrets[i].name, strlen(s->secrets[i].name), err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* *out stays when the metadata has no such entry. */
static int read_number(const struct runner_spec *s, const char *name, int64_t min, int64_t max, int64_t *out,
                       struct error *err)
{
    for (size_t i = 0; i < s->metadata_count; i++) {
        struct error why = ERROR_INIT;
        if (strcmp(s->metadata[i].name, name) != 0)
            continue;
        if (units_parse_integer(s->metadata[i].value, min, max, out, &why) < 0) {
            error_wrap(&why, "metadata \"%s\"", name);
            return error_move(err, &why);
        }
    }
    return 0;
}

/* "source://name:version", "/a/folder", or nothing. */
static int check_source(const struct runner_spec *s, struct error *err)
{
    static const char scheme[] = "source://";
    if (!s->source[0] || s->source[0] == '/')
        return 0;
    if (strncmp(s->source, scheme, sizeof scheme - 1) == 0) {
        const char *name = s->source + sizeof scheme - 1, *colon = strchr(name, ':');
        char part[RUNNER_NAME_MAX + 1];
        size_t len = colon ? (size_t)(colon - name) : 0;
        if (len > 0 && len < sizeof part) {
            memcpy(part, name, len);
            part[len] = '\0';
            if (runner_name_valid(part) && runner_name_valid(colon + 1))
                return 0;
        }
    }
    return error_set(
        err, ERROR_INVALID,
        "invalid source \"%.80s\": source://NAME:VERSION as Source.Upload gave it, or the absolute path of "
        "a folder",
        s->source);
}

static int check_instances(int64_t instances, struct error *err)
{
    if (instances < 0 || instances > RUNNER_INSTANCES_MAX)
        return error_set(err, ERROR_INVALID, "instances is a number between 1 and %d", RUNNER_INSTANCES_MAX);
    return 0;
}

static int copy_metadata(struct runner_spec *s, const Runtime__Service *service, struct error *err)
{
    if (service->n_metadata > RUNNER_METADATA_MAX)
        return error_set(err, ERROR_LIMIT, "too many metadata entries: at most %d", RUNNER_METADATA_MAX);
    s->metadata = ARENA_NEW_N(&s->arena, struct runner_pair, service->n_metadata + 1);
    int rc = s->metadata ? 0 : too_much(err);
    for (size_t i = 0; rc == 0 && i < service->n_metadata; i++) {
        rc = copy_text(s, service->metadata[i]->key, "metadata", &s->metadata[i].name, err);
        if (rc == 0)
            rc = copy_text(s, service->metadata[i]->value, "metadata", &s->metadata[i].value, err);
        s->metadata_count = i + 1;
    }
    if (rc == 0)
        rc = read_number(s, "retries", -1, 1000000, &s->retries, err);
    s->memory = 0;
    return rc == 0 ? read_number(s, "memory", RUNNER_MEMORY_MIN, RUNNER_MEMORY_MAX, &s->memory, err) : rc;
}

static int copy_secrets(struct runner_spec *s, const Runtime__CreateOptions *o, struct error *err)
{
    if (o->n_secrets + o->n_env > RUNNER_ENV_MAX)
        return error_set(err, ERROR_LIMIT, "too many variables and secrets: at most %d together", RUNNER_ENV_MAX);
    s->secrets = ARENA_NEW_N(&s->arena, struct runner_pair, o->n_secrets + 1);
    int rc = s->secrets ? 0 : too_much(err);
    for (size_t i = 0; rc == 0 && i < o->n_secrets; i++) {
        rc = copy_text(s, o->secrets[i]->key, "secrets", &s->secrets[i].name, err);
        if (rc == 0)
            rc = copy_text(s, o->secrets[i]->value, "secrets", &s->secrets[i].value, err);
        s->secret_count = i + 1;
    }
    return rc;
}

int runner_spec_create(const Runtime__Service *service, const Runtime__CreateOptions *options, struct runner_spec **out,
                       struct error *err)
{
    Runtime__CreateOptions none;
    runtime__create_options__init(&none);
    const Runtime__CreateOptions *o = options ? options : &none;
    struct runner_spec *s = runner_spec_new();
    int rc = s ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
    if (rc == 0 && o->image[0])
        rc = error_set(err, ERROR_INVALID, "images cannot be run here: give a source or a command");
    if (rc == 0 && o->n_volumes)
        rc = error_set(err, ERROR_INVALID, "volumes are not there: a service keeps its files in its home folder");
    if (rc == 0)
        rc = check_instances(o->instances, err);
    if (rc == 0)
        rc = copy_text(s, service->source, "source", &s->source, err);
    if (rc == 0)
        rc = copy_text(s, o->entrypoint, "entrypoint", &s->entrypoint, err);
    if (rc == 0)
        rc = copy_text(s, o->type, "type", &s->type, err);
    if (rc == 0)
        rc = copy_list(s, o->n_command, o->command, RUNNER_WORDS_MAX, "command", &s->command, err);
    if (rc == 0)
        rc = copy_list(s, o->n_args, o->args, RUNNER_WORDS_MAX, "args", &s->args, err);
    if (rc == 0)
        rc = copy_list(s, o->n_env, o->env, RUNNER_ENV_MAX, "env", &s->env, err);
    if (rc == 0)
        rc = copy_secrets(s, o, err);
    if (rc == 0)
        rc = copy_metadata(s, service, err);
    if (rc == 0)
        rc = check_environment(s, err);
    if (rc == 0)
        rc = check_source(s, err);
    if (rc == 0 && !s->source[0] && !s->command[0])
        rc = error_set(err, ERROR_INVALID, "a source or a command is required");
    if (rc == 0 && s->command[0] && !s->command[0][0])
        rc = error_set(err, ERROR_INVALID, "the command is blank");
    if (rc < 0) {
        runner_spec_free(s);
        return rc;
    }
    s->instances = o->instances ? o->instances : 1;
    *out = s;
    return 0;
}

/* What an update does not name stays: the record's JSON is the deep copy. */
int runner_spec_update(const struct runner_spec *from, const Runtime__Service *service,
                       const Runtime__UpdateOptions *options, struct runner_spec **out, struct error *err)
{
    struct runner_spec *s = NULL;
    json_t *json = runner_spec_json(from, NULL, "");
    int rc = json ? runner_spec_parse(json, NULL, "", &s, err) : error_set(err, ERROR_MEMORY, "out of memory");
    json_decref(json);
    if (rc == 0 && service->source[0])
        rc = copy_text(s, service->source, "source", &s->source, err);
    if (rc == 0 && options && options->entrypoint[0])
        rc = copy_text(s, options->entrypoint, "entrypoint", &s->entrypoint, err);
    if (rc == 0 && options)
        rc = check_instances(options->instances, err);
    if (rc == 0 && options && options->instances)
        s->instances = options->instances;
    if (rc == 0 && service->n_metadata) {
        s->metadata_count = 0;
        rc = copy_metadata(s, service, err);
    }
    if (rc == 0)
        rc = check_source(s, err);
    if (rc < 0) {
        runner_spec_free(s);
        return rc;
    }
    *out = s;
    return 0;
}

/* ---- records ---- */

static json_t *list_json(const char *const *list)
{
    json_t *out = json_array();
    for (size_t i = 0; out && list && list[i]; i++)
        if (json_array_append_new(out, json_string(list[i])) != 0) {
            json_decref(out);
            return NULL;
        }
    return out;
}

static json_t *pairs_json(const struct runner_pair *pairs, size_t count)
{
    json_t *out = json_object();
    for (size_t i = 0; out && i < count; i++)
        if (json_object_set_new(out, pairs[i].name, json_string(pairs[i].value)) != 0) {
            json_decref(out);
            return NULL;
        }
    return out;
}

/* As an object without a key (a copy in memory), else sealed text. */
static json_t *secrets_json(const struct runner_spec *s, const struct config_key *key, const char *namespace)
{
    json_t *plain = pairs_json(s->secrets, s->secret_count), *out = NULL;
    if (!key || !plain)
        return plain;
    char *text = json_text_of(plain, 0);
    struct text sealed = TEXT_INIT;
    if (text && config_seal(key, namespace, bytes_of(text), &sealed, NULL) == 0)
        out = json_string(text_string(&sealed));
    text_deinit(&sealed);
    free(text);
    json_decref(plain);
    return out;
}

json_t *runner_spec_json(const struct runner_spec *s, const struct config_key *key, const char *namespace)
{
    /* "o" steals references, also when packing fails, and fails when one is NULL. */
    return json_pack("{sI ss ss ss so so so so so sI sI sI}", "generation", (json_int_t)s->generation, "source",
                     s->source, "entrypoint", s->entrypoint, "type", s->type, "command", list_json(s->command), "args",
                     list_json(s->args), "env", list_json(s->env), "metadata",
                     pairs_json(s->metadata, s->metadata_count), "secrets", secrets_json(s, key, namespace),
                     "instances", (json_int_t)s->instances, "retries", (json_int_t)s->retries, "memory",
                     (json_int_t)s->memory);
}

static int parse_text(struct runner_spec *s, const json_t *json, const char *key, const char **out)
{
    const char *text = json_string_value(json_object_get(json, key));
    *out = arena_string(&s->arena, text ? text : "");
    return *out ? 0 : ERROR_MEMORY;
}

static int parse_list(struct runner_spec *s, const json_t *json, const char *key, const char ***out)
{
    const json_t *list = json_object_get(json, key);
    size_t count = json_array_size(list);
    *out = count <= RUNNER_WORDS_MAX ? ARENA_NEW_N(&s->arena, const char *, count + 1) : NULL;
    for (size_t i = 0; *out && i < count; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        (*out)[i] = arena_string(&s->arena, text ? text : "");
        if (!(*out)[i])
            return ERROR_MEMORY;
    }
    return *out ? 0 : ERROR_MEMORY;
}

static int parse_pairs(struct runner_spec *s, json_t *object, struct runner_pair **out, size_t *count)
{
    const char *name;
    json_t *value;
    *out = ARENA_NEW_N(&s->arena, struct runner_pair, json_object_size(object) + 1);
    if (!*out)
        return ERROR_MEMORY;
    json_object_foreach(object, name, value)
    {
        const char *text = json_string_value(value);
        struct runner_pair *p = &(*out)[(*count)++];
        p->name = arena_string(&s->arena, name);
        p->value = arena_string(&s->arena, text ? text : "");
        if (!p->name || !p->value)
            return ERROR_MEMORY;
    }
    return 0;
}

static int parse_secrets(struct runner_spec *s, json_t *value, const struct config_key *key, const char *namespace,
                         struct error *err)
{
    if (!json_is_string(value))
        return parse_pairs(s, value, &s->secrets, &s->secret_count);
    struct text plain = TEXT_INIT;
    int rc = key ? config_unseal(key, namespace, bytes_of(json_string_value(value)), &plain, err) : ERROR_INVALID;
    json_t *object = rc == 0 ? json_loadb(text_string(&plain), plain.len, 0, NULL) : NULL;
    if (rc == 0)
        rc = json_is_object(object) ? parse_pairs(s, object, &s->secrets, &s->secret_count) : ERROR_SYNTAX;
    json_decref(object);
    if (plain.data)
        memset(plain.data, 0, plain.len);
    text_deinit(&plain);
    return rc;
}

int runner_spec_parse(const json_t *json, const struct config_key *key, const char *namespace, struct runner_spec **out,
                      struct error *err)
{
    if (!json_is_object(json))
        return error_set(err, ERROR_SYNTAX, "the record holds no service");
    struct runner_spec *s = runner_spec_new();
    int rc = s ? 0 : ERROR_MEMORY;
    if (rc == 0) {
        s->generation = (uint64_t)json_integer_value(json_object_get(json, "generation"));
        s->instances = json_integer_value(json_object_get(json, "instances"));
        const json_t *retries = json_object_get(json, "retries");
        s->retries = retries ? json_integer_value(retries) : -1;
        s->memory = json_integer_value(json_object_get(json, "memory"));
        if (s->instances < 1 || s->instances > RUNNER_INSTANCES_MAX)
            s->instances = 1;
        s->arena.limit = 0; /* it was within limits when it was taken */
        rc = parse_text(s, json, "source", &s->source);
    }
    if (rc == 0)
        rc = parse_text(s, json, "entrypoint", &s->entrypoint);
    if (rc == 0)
        rc = parse_text(s, json, "type", &s->type);
    if (rc == 0)
        rc = parse_list(s, json, "command", &s->command);
    if (rc == 0)
        rc = parse_list(s, json, "args", &s->args);
    if (rc == 0)
        rc = parse_list(s, json, "env", &s->env);
    if (rc == 0)
        rc = parse_pairs(s, json_object_get(json, "metadata"), &s->metadata, &s->metadata_count);
    if (rc == 0)
        rc = parse_secrets(s, json_object_get(json, "secrets"), key, namespace, err);
    if (rc < 0) {
        runner_spec_free(s);
        if (err && !err->message)
            error_set(err, rc, "%s", rc == ERROR_MEMORY ? "out of memory" : "the record holds no service");
        return rc;
    }
    *out = s;
    return 0;
}
