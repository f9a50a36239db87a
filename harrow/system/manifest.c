#include "harrow/system/manifest.h"

#include "base/array.h"
#include "base/json_text.h"
#include "base/options.h"
#include "base/units.h"
#include "rpc/tcp_check.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define READY_WITHIN_DEFAULT (20 * SECOND)
#define ENVIRONMENT_NAME_MAX 128
/* A name stands in --peers lists, file names and host names of a simulation. */
#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."

static int out_of_memory(struct error *err)
{
    return error_set(err, ERROR_MEMORY, "out of memory");
}

/* A list of texts as a NULL-terminated array in the arena; absent: NULL. */
static int read_list(struct manifest *m, const struct node *map, const char *key, const char *const **out,
                     struct error *err)
{
    const struct node *list = NULL;
    int code = node_may_list(map, key, &list, err);
    if (code != 0 || list == NULL)
        return code;
    const char **items = ARENA_NEW_N(&m->arena, const char *, list->list.count + 1);
    if (items == NULL)
        return out_of_memory(err);
    for (size_t i = 0; i < list->list.count; i++) {
        const struct node *item = &list->list.items[i];
        if (item->kind != NODE_TEXT)
            return node_error(item, err, ERROR_INVALID, "\"%s\" is a list of texts, and this is %s", key,
                              node_kind_name(item->kind));
        if (memchr(item->text.data, '\0', item->text.len) != NULL)
            return node_error(item, err, ERROR_INVALID, "a text of \"%s\" holds a zero character", key);
        items[i] = (const char *)item->text.data;
    }
    *out = items;
    return 0;
}

static int read_ports(struct manifest *m, const struct node *map, struct error *err)
{
    const struct node *list = NULL;
    int code = node_may_list(map, "ports", &list, err);
    if (code != 0 || list == NULL)
        return code;
    int64_t *ports = ARENA_NEW_N(&m->arena, int64_t, list->list.count + 1);
    if (ports == NULL)
        return out_of_memory(err);
    for (size_t i = 0; i < list->list.count; i++) {
        const struct node *item = &list->list.items[i];
        if (item->kind != NODE_INTEGER || item->integer < 0 || item->integer > 1000)
            return node_error(item, err, ERROR_INVALID, "a port offset is a number from 0 to 1000");
        ports[i] = item->integer;
    }
    m->ports = ports;
    m->port_count = list->list.count;
    return 0;
}

static int read_call(struct manifest *m, const struct node *map, bool token, struct manifest_call *out,
                     struct error *err)
{
    const struct node *request = NULL;
    int code;
    if ((code = node_need_text(map, "call", &out->call, err)) != 0 ||
        (code = node_need_map(map, "request", &request, err)) != 0 ||
        (code = token ? node_need_text(map, "token", &out->token, err) : 0) != 0)
        return code;
    json_t *json = node_to_json(request);
    char *text = json != NULL ? json_text_of(json, 0) : NULL;
    json_decref(json);
    out->request = text != NULL ? arena_string(&m->arena, text) : NULL;
    free(text);
    return out->request != NULL ? 0 : out_of_memory(err);
}

/* A second account: how it is made, when it has to be, and how it logs in. */
static int read_other(struct manifest *m, const struct node *login, struct error *err)
{
    static const char *const keys[] = {"make", "call", "request", "token", NULL};
    static const char *const make_keys[] = {"call", "request", NULL};
    const struct node *other = NULL, *make = NULL;
    int code = node_may_map(login, "other", &other, err);
    if (code != 0 || other == NULL)
        return code;
    if ((code = node_only_keys(other, keys, err)) != 0 || (code = node_may_map(other, "make", &make, err)) != 0 ||
        (code = read_call(m, other, true, &m->other, err)) != 0)
        return code;
    if (make != NULL && (code = node_only_keys(make, make_keys, err)) == 0)
        code = read_call(m, make, false, &m->other_make, err);
    return code;
}

static int read_login(struct manifest *m, const struct node *map, struct error *err)
{
    static const char *const keys[] = {"call", "request", "token", "required", "open", "other", NULL};
    const struct node *login = NULL;
    struct manifest_call call = {0};
    int code = node_may_map(map, "login", &login, err);
    if (code != 0 || login == NULL)
        return code;
    if ((code = node_only_keys(login, keys, err)) != 0 || (code = read_call(m, login, true, &call, err)) != 0 ||
        (code = node_may_bool(login, "required", &m->login_required, err)) != 0 ||
        (code = read_list(m, login, "open", &m->login_open, err)) != 0)
        return code;
    m->login_call = call.call;
    m->login_request = call.request;
    m->login_token = call.token;
    return read_other(m, login, err);
}

/* A map of texts as "name: value". */
static int read_metadata(struct manifest *m, const struct node *map, struct error *err)
{
    const struct node *given = NULL;
    int code = node_may_map(map, "metadata", &given, err);
    if (code != 0 || given == NULL)
        return code;
    const char **items = ARENA_NEW_N(&m->arena, const char *, given->map.count + 1);
    if (items == NULL)
        return out_of_memory(err);
    for (size_t i = 0; i < given->map.count; i++) {
        const char *value = NULL;
        if ((code = node_need_text(given, given->map.pairs[i].key, &value, err)) != 0)
            return code;
        items[i] = arena_printf(&m->arena, "%s: %s", given->map.pairs[i].key, value);
        if (items[i] == NULL)
            return out_of_memory(err);
    }
    m->attach.metadata = items;
    return 0;
}

static int read_attach(struct manifest *m, const struct node *map, struct error *err)
{
    static const char *const keys[] = {"ca", "insecure", "metadata", "protos", "proto_paths", NULL};
    const struct node *attach = NULL;
    int code = node_may_map(map, "attach", &attach, err);
    if (code != 0 || attach == NULL)
        return code;
    if ((code = node_only_keys(attach, keys, err)) != 0 ||
        (code = node_may_text(attach, "ca", &m->attach.ca, err)) != 0 ||
        (code = node_may_bool(attach, "insecure", &m->attach.insecure, err)) != 0 ||
        (code = read_list(m, attach, "protos", &m->attach.protos, err)) != 0 ||
        (code = read_list(m, attach, "proto_paths", &m->attach.proto_paths, err)) != 0)
        return code;
    return read_metadata(m, attach, err);
}

static int read_tcp(const struct node *component, struct target_tcp *out, struct error *err)
{
    static const char *const keys[] = {"address", "send", "expect", NULL};
    const struct node *map = NULL;
    int code = node_may_map(component, "tcp", &map, err);
    if (code != 0 || map == NULL)
        return code;
    if ((code = node_only_keys(map, keys, err)) != 0 ||
        (code = node_need_text(map, "address", &out->address, err)) != 0 ||
        (code = node_need_text(map, "send", &out->send, err)) != 0 ||
        (code = node_need_text(map, "expect", &out->expect, err)) != 0)
        return code;
    if (out->expect[0] == '\0' || strlen(out->expect) > TCP_CHECK_EXPECT_MAX)
        return node_error(node_get(map, "expect"), err, ERROR_INVALID,
                          "\"expect\" is how the answer to \"send\" begins: 1 to %d bytes", TCP_CHECK_EXPECT_MAX);
    return 0;
}

static int read_component(struct manifest *m, const struct node *node, struct manifest_component *c, struct error *err)
{
    static const char *const keys[] = {"name",    "address",   "http",     "tcp",    "services", "pid_file", "start",
                                       "program", "arguments", "stateful", "socket", "package",  NULL};
    if (node->kind != NODE_MAP)
        return node_error(node, err, ERROR_INVALID, "a component is a map with at least \"name\", and this is %s",
                          node_kind_name(node->kind));
    static const char *const none[] = {NULL};
    c->services = none;
    c->arguments = none;
    c->line = node->line;
    c->column = node->column;
    int code;
    if ((code = node_only_keys(node, keys, err)) != 0 || (code = node_need_text(node, "name", &c->name, err)) != 0 ||
        (code = node_may_text(node, "address", &c->address, err)) != 0 ||
        (code = node_may_text(node, "http", &c->http, err)) != 0 || (code = read_tcp(node, &c->tcp, err)) != 0 ||
        (code = node_may_text(node, "socket", &c->socket, err)) != 0 ||
        (code = node_may_text(node, "package", &c->package, err)) != 0 ||
        (code = read_list(m, node, "services", &c->services, err)) != 0 ||
        (code = node_may_text(node, "pid_file", &c->pid_file, err)) != 0 ||
        (code = read_list(m, node, "start", &c->start, err)) != 0 ||
        (code = node_may_text(node, "program", &c->program, err)) != 0 ||
        (code = read_list(m, node, "arguments", &c->arguments, err)) != 0 ||
        (code = node_may_bool(node, "stateful", &c->stateful, err)) != 0)
        return code;
    if (c->start != NULL && c->start[0] == NULL)
        return node_error(node_get(node, "start"), err, ERROR_INVALID, "\"start\" names no program");
    if (c->socket != NULL && (c->socket[0] == '\0' || strchr(c->socket, '/') != NULL))
        return node_error(node_get(node, "socket"), err, ERROR_INVALID,
                          "\"socket\" is the name of a unix socket in the component's own folder: no \"/\" in it");
    if (c->name[0] == '\0' || c->name[strspn(c->name, NAME_CHARACTERS)] != '\0')
        return node_error(node_get(node, "name"), err, ERROR_INVALID,
                          "a component's name is made of letters, digits, \"-\", \"_\" and \".\"");
    if (manifest_find(m, c->name) != NULL)
        return node_error(node_get(node, "name"), err, ERROR_INVALID, "two components are called \"%s\"", c->name);
    return 0;
}

static int read_manifest(struct manifest *m, const struct node *root, struct error *err)
{
    static const char *const keys[] = {"system",    "about",        "namespace",   "gateway",   "start",
                                       "ports",     "ready_within", "descriptors", "login",     "flows",
                                       "contracts", "components",   "attach",      "isolation", NULL};
    if (root->kind != NODE_MAP)
        return node_error(root, err, ERROR_INVALID, "a manifest is a map that begins with \"system: NAME\"");
    m->ready_within = READY_WITHIN_DEFAULT;
    static const char *const none[] = {NULL};
    m->flows = m->contracts = m->login_open = m->attach.protos = m->attach.proto_paths = m->attach.metadata = none;
    int code;
    if ((code = node_only_keys(root, keys, err)) != 0 || (code = node_need_text(root, "system", &m->name, err)) != 0 ||
        (code = node_may_text(root, "about", &m->about, err)) != 0 ||
        (code = node_may_text(root, "namespace", &m->namespace, err)) != 0 ||
        (code = node_may_text(root, "gateway", &m->gateway, err)) != 0 ||
        (code = read_list(m, root, "start", &m->start, err)) != 0 || (code = read_ports(m, root, err)) != 0 ||
        (code = node_may_duration(root, "ready_within", &m->ready_within, err)) != 0 ||
        (code = node_may_text(root, "descriptors", &m->descriptors, err)) != 0 ||
        (code = read_login(m, root, err)) != 0 || (code = read_list(m, root, "flows", &m->flows, err)) != 0 ||
        (code = read_list(m, root, "contracts", &m->contracts, err)) != 0 || (code = read_attach(m, root, err)) != 0)
        return code;
    if (m->start != NULL && m->start[0] == NULL)
        return node_error(node_get(root, "start"), err, ERROR_INVALID, "\"start\" names no program");
    const struct node *list = NULL, *isolation = NULL;
    if ((code = node_may_map(root, "isolation", &isolation, err)) !=
            0 || /* what is in it is for e2e_isolation_load() */
        (code = node_may_list(root, "components", &list, err)) != 0)
        return code;
    if (list == NULL || list->list.count == 0)
        return node_error(list != NULL ? list : root, err, ERROR_INVALID,
                          "a manifest needs \"components\": a list with at least one entry");
    if (list->list.count > MANIFEST_COMPONENTS_MAX)
        return node_error(list, err, ERROR_LIMIT, "more than %d components", MANIFEST_COMPONENTS_MAX);
    m->components = ARENA_NEW_N(&m->arena, struct manifest_component, list->list.count);
    if (m->components == NULL)
        return out_of_memory(err);
    for (size_t i = 0; i < list->list.count; i++) {
        if ((code = read_component(m, &list->list.items[i], &m->components[i], err)) != 0)
            return code;
        m->component_count = i + 1;
    }
    return 0;
}

static int parse(struct bytes content, bool yaml, const char *path, struct manifest **out, struct error *err)
{
    struct manifest *m = calloc(1, sizeof *m);
    if (m == NULL)
        return out_of_memory(err);
    int code = yaml ? document_parse_yaml(content, path, &m->document, err)
                    : document_parse_json(content, path, &m->document, err);
    if (code == 0 && (m->path = arena_string(&m->arena, path)) == NULL)
        code = out_of_memory(err);
    if (code == 0)
        code = read_manifest(m, document_root(m->document), err);
    if (code != 0) {
        manifest_free(m);
        return code;
    }
    *out = m;
    return 0;
}

int manifest_parse(struct bytes content, const char *path, struct manifest **out, struct error *err)
{
    return parse(content, true, path, out, err);
}

int manifest_parse_json(struct bytes content, const char *path, struct manifest **out, struct error *err)
{
    return parse(content, false, path, out, err);
}

/* What else the word may have been meant for: a command, or an address. */
static int not_there(const char *path, struct error *err)
{
    const char *command = command_nearest_child(path);
    if (command != NULL)
        return error_set_at(err, ERROR_NOT_FOUND, path, 0, 0, "there is no such file; did you mean the command %s?",
                            command);
    return error_set_at(
        err, ERROR_NOT_FOUND, path, 0, 0,
        "there is no such file; a manifest is a YAML file, an address is HOST:PORT or http://HOST:PORT");
}

int manifest_load(struct world *w, const char *path, struct manifest **out, struct error *err)
{
    struct text content = TEXT_INIT;
    int code = world_read_file(w, path, MANIFEST_SIZE_MAX, &content, err);
    if (code == ERROR_NOT_FOUND)
        code = not_there(path, err);
    if (code == 0)
        code = manifest_parse(text_bytes(&content), path, out, err);
    text_deinit(&content);
    return code;
}

void manifest_free(struct manifest *m)
{
    if (m == NULL)
        return;
    document_free(m->document);
    arena_deinit(&m->arena);
    free(m);
}

const struct manifest_component *manifest_find(const struct manifest *m, const char *name)
{
    for (size_t i = 0; i < m->component_count; i++)
        if (strcmp(m->components[i].name, name) == 0)
            return &m->components[i];
    return NULL;
}

static bool list_has(const char *const *list, const char *part)
{
    for (; list != NULL && *list != NULL; list++)
        if (strstr(*list, part) != NULL)
            return true;
    return false;
}

enum manifest_links manifest_links(const struct manifest *m)
{
    bool via = false;
    if (list_has(m->start, "${peers}"))
        return MANIFEST_LINKS_ALL;
    for (size_t i = 0; m->start == NULL && i < m->component_count; i++) {
        if (list_has(m->components[i].start, "${peers}"))
            return MANIFEST_LINKS_ALL;
        via = via || list_has(m->components[i].start, "${via.");
    }
    return via ? MANIFEST_LINKS_VIA : MANIFEST_LINKS_NONE;
}

bool manifest_has_sockets(const struct manifest *m)
{
    for (size_t i = 0; i < m->component_count; i++)
        if (m->components[i].socket != NULL)
            return true;
    return false;
}

bool manifest_names_via(const struct manifest_component *c, const char *name)
{
    char whole[ENVIRONMENT_NAME_MAX + 8];
    snprintf(whole, sizeof whole, "${via.%s}", name);
    return list_has(c->start, whole);
}

/* A value only a system that harrow starts has. */
static int expand_own(const char *name, const char *value, struct text *out, struct error *err)
{
    if (value == NULL)
        return error_set(err, ERROR_INVALID,
                         "${%s} is of a system that harrow starts; this one was attached: write the value out, or name "
                         "a variable of the environment, ${env.NAME}",
                         name);
    text_puts(out, value);
    return 0;
}

static int expand_port(struct bytes name, const struct manifest_values *v, struct text *out, struct error *err)
{
    int64_t offset = 0;
    char digits[16] = "";
    if (name.len > 5 && name.len - 5 < sizeof digits)
        memcpy(digits, name.data + 5, name.len - 5);
    if (name.len > 4 && units_parse_integer(digits, 0, 1000, &offset, NULL) != 0)
        return error_set(err, ERROR_INVALID, "${%.*s}: after \"port+\" comes a number from 0 to 1000", (int)name.len,
                         (const char *)name.data);
    if (v->port == 0)
        return expand_own("port", NULL, out, err);
    text_printf(out, "%d", v->port + (int)offset);
    return 0;
}

static int expand_environment(struct bytes name, const struct manifest_values *v, struct text *out, struct error *err)
{
    char variable[ENVIRONMENT_NAME_MAX] = "";
    if (name.len < sizeof variable)
        memcpy(variable, name.data, name.len);
    const char *value = v->world != NULL && variable[0] != '\0' ? world_environment(v->world, variable) : NULL;
    if (value == NULL)
        return error_set(err, ERROR_INVALID, "${env.%.*s}: the environment has no variable of that name", (int)name.len,
                         (const char *)name.data);
    text_puts(out, value);
    return 0;
}

static int expand_via(struct bytes name, const struct manifest_values *v, struct text *out, struct error *err)
{
    struct arena arena = ARENA_INIT;
    const char *address = NULL, *component = arena_string_n(&arena, (const char *)name.data, name.len);
    int code = component == NULL ? out_of_memory(err) : v->via(v->via_arg, component, &arena, &address, err);
    if (code == 0)
        text_puts(out, address);
    arena_deinit(&arena);
    return code;
}

static int expand_name(struct bytes name, const struct manifest_values *v, struct text *out, struct error *err)
{
    if (bytes_is(name, "bin"))
        text_puts(out, v->bin);
    else if (bytes_is(name, "here"))
        text_puts(out, v->here);
    else if (bytes_is(name, "data"))
        return expand_own("data", v->data, out, err);
    else if (bytes_is(name, "secret"))
        return expand_own("secret", v->secret, out, err);
    else if (bytes_is(name, "port") || (name.len > 5 && memcmp(name.data, "port+", 5) == 0))
        return expand_port(name, v, out, err);
    else if (name.len > 4 && memcmp(name.data, "env.", 4) == 0)
        return expand_environment(BYTES(name.data + 4, name.len - 4), v, out, err);
    else if (bytes_is(name, "enter"))
        text_puts(out, v->enter != NULL ? v->enter : "");
    else if (bytes_is(name, "peers"))
        return expand_own("peers", v->peers, out, err);
    else if (v->via != NULL && name.len > 4 && memcmp(name.data, "via.", 4) == 0)
        return expand_via(BYTES(name.data + 4, name.len - 4), v, out, err);
    else
        return error_set(err, ERROR_INVALID,
                         "${%.*s} is not known here: expected bin, here, data, secret, port, port+N, peers, enter, "
                         "env.NAME or, in a component's \"start\", via.NAME",
                         (int)name.len, (const char *)name.data);
    return 0;
}

int manifest_expand(const char *text, const struct manifest_values *values, struct arena *arena, const char **out,
                    struct error *err)
{
    struct text result = TEXT_INIT;
    int code = 0;
    for (const char *p = text; *p != '\0' && code == 0;) {
        if (p[0] != '$' || p[1] != '{') {
            text_char(&result, *p++);
            continue;
        }
        const char *end = strchr(p, '}');
        if (end == NULL) {
            code = error_set(err, ERROR_INVALID, "\"%s\" has a \"${\" without its \"}\"", text);
            break;
        }
        code = expand_name(BYTES(p + 2, (size_t)(end - p - 2)), values, &result, err);
        p = end + 1;
    }
    if (code == 0) {
        *out = text_ok(&result) ? arena_string(arena, text_string(&result)) : NULL;
        if (*out == NULL)
            code = out_of_memory(err);
    }
    text_deinit(&result);
    return code;
}

int manifest_expand_list(const char *const *list, const struct manifest_values *values, struct arena *arena,
                         const char *const **out, struct error *err)
{
    size_t count = 0;
    while (list[count] != NULL)
        count++;
    const char **result = ARENA_NEW_N(arena, const char *, count + 1);
    if (result == NULL)
        return out_of_memory(err);
    for (size_t i = 0; i < count; i++) {
        int code = manifest_expand(list[i], values, arena, &result[i], err);
        if (code != 0)
            return code;
    }
    *out = result;
    return 0;
}

const char *manifest_path(const struct manifest *m, const char *path, struct arena *arena)
{
    const char *slash = strrchr(m->path, '/');
    if (path[0] == '/' || slash == NULL)
        return arena_string(arena, path);
    return arena_printf(arena, "%.*s/%s", (int)(slash - m->path), m->path, path);
}
