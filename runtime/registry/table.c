#include "runtime/registry/table.h"

#include "base/array.h"
#include "base/units.h"
#include "wire/pb.h"

#include <string.h>

struct node {
    struct due_entry due; /* first; those that stay for ever are there too, at the end of time */
    struct version *version;
    Registry__Node *message;
};

struct version {
    struct registry_group *group;
    Registry__Service *definition; /* without nodes and options */
    ARRAY(struct node *) nodes;
    struct text packed; /* with its nodes, for lists; empty: to be made */
};

struct registry_group {
    char *domain, *name;
    ARRAY(struct version *) versions;
};

void registry_table_init(struct registry_table *t,
                         void (*changed)(void *arg, const char *action, const char *domain, Registry__Service *service),
                         void *arg)
{
    *t = (struct registry_table){.changed = changed, .arg = arg};
}

static void free_message(ProtobufCMessage *m)
{
    if (m)
        protobuf_c_message_free_unpacked(m, NULL);
}

static void node_free(struct node *n)
{
    if (n->message)
        free_message(&n->message->base);
    free(n);
}

static void version_free(struct version *v)
{
    for (size_t i = 0; i < v->nodes.count; i++)
        node_free(v->nodes.items[i]);
    array_deinit(&v->nodes);
    text_deinit(&v->packed);
    if (v->definition)
        free_message(&v->definition->base);
    free(v);
}

static void group_free(struct registry_group *g)
{
    for (size_t i = 0; i < g->versions.count; i++)
        version_free(g->versions.items[i]);
    array_deinit(&g->versions);
    free(g->domain);
    free(g->name);
    free(g);
}

void registry_table_deinit(struct registry_table *t)
{
    for (struct map_entry *e = map_first(&t->groups); e; e = map_next(e))
        group_free(map_value(e));
    map_deinit(&t->groups);
    due_deinit(&t->expiring);
}

/* A deep copy on the heap, by packing. */
static ProtobufCMessage *copy_message(const ProtobufCMessage *m)
{
    struct text packed = TEXT_INIT;
    ProtobufCMessage *copy = NULL;
    if (pb_pack(m, &packed) == 0 && text_ok(&packed))
        copy = protobuf_c_message_unpack(m->descriptor, NULL, packed.len, (const uint8_t *)text_string(&packed));
    text_deinit(&packed);
    return copy;
}

static Registry__Service definition_of(const Registry__Service *s)
{
    Registry__Service d = *s;
    d.nodes = NULL;
    d.n_nodes = 0;
    d.options = NULL;
    return d;
}

/* ---- looking up ------------------------------------------------------------------------------------------------- */

#define GROUP_KEY_MAX (2 * REGISTRY_NAME_MAX + 2)

/* Domain, NUL, name. 0: they are longer than any that is registered. */
static size_t group_key(const char *domain, const char *name, char key[GROUP_KEY_MAX])
{
    size_t domain_len = strlen(domain), name_len = strlen(name);
    if (domain_len > REGISTRY_NAME_MAX || name_len > REGISTRY_NAME_MAX)
        return 0;
    memcpy(key, domain, domain_len + 1);
    memcpy(key + domain_len + 1, name, name_len + 1);
    return domain_len + 1 + name_len;
}

static struct registry_group *find_group(const struct registry_table *t, const char *domain, const char *name)
{
    char key[GROUP_KEY_MAX];
    size_t len = group_key(domain, name, key);
    return len ? map_get_n(&t->groups, key, len) : NULL;
}

static struct registry_group *make_group(struct registry_table *t, const char *domain, const char *name)
{
    char key[GROUP_KEY_MAX];
    size_t len = group_key(domain, name, key);
    struct registry_group *g = find_group(t, domain, name);
    if (g || !len)
        return g;
    g = calloc(1, sizeof *g);
    bool ok = g && (g->domain = strdup(domain)) && (g->name = strdup(name)) && map_put_n(&t->groups, key, len, g);
    if (!ok && g) {
        group_free(g);
        g = NULL;
    }
    return g;
}

static void drop_group_if_empty(struct registry_table *t, struct registry_group *g)
{
    char key[GROUP_KEY_MAX];
    if (g->versions.count > 0)
        return;
    map_remove_n(&t->groups, key, group_key(g->domain, g->name, key));
    group_free(g);
}

static struct version *find_version(const struct registry_group *g, const char *version)
{
    for (size_t i = 0; i < g->versions.count; i++)
        if (strcmp(g->versions.items[i]->definition->version, version) == 0)
            return g->versions.items[i];
    return NULL;
}

static struct node *find_node(struct version *v, const char *id)
{
    for (size_t i = 0; i < v->nodes.count; i++)
        if (strcmp(v->nodes.items[i]->message->id, id) == 0)
            return v->nodes.items[i];
    return NULL;
}

/* ---- views ------------------------------------------------------------------------------------------------------ */

/* The version with these of its nodes (NULL: all). */
static Registry__Service *view(const struct registry_group *g, const struct version *v, struct arena *a)
{
    Registry__Service *s = ARENA_NEW(a, Registry__Service);
    Registry__Options *options = ARENA_NEW(a, Registry__Options);
    Registry__Node **nodes = ARENA_NEW_N(a, Registry__Node *, v->nodes.count + 1);
    if (!s || !options || !nodes)
        return NULL;
    *s = *v->definition;
    registry__options__init(options);
    options->domain = g->domain;
    s->options = options;
    for (size_t i = 0; i < v->nodes.count; i++)
        nodes[i] = v->nodes.items[i]->message;
    s->nodes = nodes;
    s->n_nodes = v->nodes.count;
    return s;
}

static void tell(struct registry_table *t, const char *action, const struct registry_group *g, struct version *v,
                 Registry__Node **only, size_t only_count)
{
    t->revision++;
    text_deinit(&v->packed);
    if (!t->changed)
        return;
    struct arena arena = ARENA_INIT;
    Registry__Service *s = view(g, v, &arena);
    if (s) {
        if (only) {
            s->nodes = only;
            s->n_nodes = only_count;
        }
        t->changed(t->arg, action, g->domain, s);
    }
    arena_deinit(&arena);
}

int registry_table_read(struct registry_table *t, const char *domain, const char *name, struct arena *arena,
                        Registry__Service ***out, size_t *count)
{
    bool everywhere = strcmp(domain, "*") == 0;
    *count = 0;
    *out = ARENA_NEW_N(arena, Registry__Service *, t->versions + 1);
    if (!*out)
        return ERROR_MEMORY;
    struct registry_group *one = !everywhere && name ? find_group(t, domain, name) : NULL;
    if (!everywhere && name && !one)
        return 0;
    for (struct map_entry *e = map_first(&t->groups); e; e = map_next(e)) {
        struct registry_group *g = one ? one : map_value(e);
        bool wanted = (everywhere || strcmp(g->domain, domain) == 0) && (!name || strcmp(g->name, name) == 0);
        for (size_t i = 0; wanted && i < g->versions.count; i++) {
            (*out)[*count] = view(g, g->versions.items[i], arena);
            if (!(*out)[(*count)++])
                return ERROR_MEMORY;
        }
        if (one)
            break;
    }
    return 0;
}

static void put_length(struct text *out, size_t length)
{
    for (; length >= 0x80; length >>= 7)
        text_char(out, (char)(uint8_t)((length & 0x7f) | 0x80));
    text_char(out, (char)(uint8_t)length);
}

static int pack_version(const struct registry_group *g, struct version *v)
{
    struct arena arena = ARENA_INIT;
    const Registry__Service *s = view(g, v, &arena);
    int rc = s ? pb_pack(&s->base, &v->packed) : ERROR_MEMORY;
    if (rc == 0 && !text_ok(&v->packed))
        rc = ERROR_MEMORY;
    if (rc)
        text_deinit(&v->packed);
    arena_deinit(&arena);
    return rc;
}

int registry_table_pack(struct registry_table *t, const char *domain, struct text *out)
{
    const char services_tag = 1 << 3 | 2; /* ListResponse.services, length-delimited */
    bool everywhere = strcmp(domain, "*") == 0;
    for (struct map_entry *e = map_first(&t->groups); e; e = map_next(e)) {
        struct registry_group *g = map_value(e);
        if (!everywhere && strcmp(g->domain, domain) != 0)
            continue;
        for (size_t i = 0; i < g->versions.count; i++) {
            struct version *v = g->versions.items[i];
            int rc = v->packed.len ? 0 : pack_version(g, v);
            if (rc)
                return rc;
            text_char(out, services_tag);
            put_length(out, v->packed.len);
            text_add(out, v->packed.data, v->packed.len);
        }
    }
    return text_ok(out) ? 0 : ERROR_MEMORY;
}

/* ---- changes ---------------------------------------------------------------------------------------------------- */

/* Removes what `gone` says yes to, and tells it. */
static int remove_nodes(struct registry_table *t, struct registry_group *g, struct version *v,
                        bool (*gone)(const struct node *n, const void *arg), const void *arg)
{
    size_t count = 0, kept = 0;
    for (size_t i = 0; i < v->nodes.count; i++)
        count += gone(v->nodes.items[i], arg);
    if (count == 0)
        return 0;
    struct node **removed = calloc(count, sizeof *removed);
    Registry__Node **messages = calloc(count, sizeof *messages);
    if (!removed || !messages) {
        free(removed);
        free(messages);
        return ERROR_MEMORY;
    }
    count = 0;
    for (size_t i = 0; i < v->nodes.count; i++) {
        struct node *n = v->nodes.items[i];
        if (gone(n, arg)) {
            due_remove(&t->expiring, &n->due);
            messages[count] = n->message;
            removed[count++] = n;
        } else {
            v->nodes.items[kept++] = n;
        }
    }
    v->nodes.count = kept;
    tell(t, "delete", g, v, messages, count);
    for (size_t i = 0; i < count; i++)
        node_free(removed[i]);
    free(removed);
    free(messages);
    return 0;
}

static void drop_version_if_empty(struct registry_table *t, struct registry_group *g, struct version *v)
{
    if (v->nodes.count > 0)
        return;
    for (size_t i = 0; i < g->versions.count; i++)
        if (g->versions.items[i] == v) {
            array_remove(&g->versions, i);
            break;
        }
    version_free(v);
    t->versions--;
    drop_group_if_empty(t, g);
}

static int check(const char *domain, const Registry__Service *s, int64_t ttl, struct error *err)
{
    if (strlen(domain) > REGISTRY_NAME_MAX)
        return error_set(err, ERROR_INVALID, "a domain has at most %d bytes", REGISTRY_NAME_MAX);
    if (!s->name[0])
        return error_set(err, ERROR_INVALID, "a service needs a name");
    if (strlen(s->name) > REGISTRY_NAME_MAX || strlen(s->version) > REGISTRY_NAME_MAX)
        return error_set(err, ERROR_INVALID, "name and version have at most %d bytes", REGISTRY_NAME_MAX);
    if (s->n_nodes == 0)
        return error_set(err, ERROR_INVALID, "service %s: at least one node is needed", s->name);
    if (ttl < 0 || ttl > REGISTRY_TTL_MAX)
        return error_set(err, ERROR_INVALID, "a ttl is between 0 and %lld seconds", (long long)REGISTRY_TTL_MAX);
    for (size_t i = 0; i < s->n_nodes; i++) {
        const Registry__Node *n = s->nodes[i];
        if (!n->id[0] || !n->address[0])
            return error_set(err, ERROR_INVALID, "service %s: node %zu needs an id and an address", s->name, i + 1);
        if (strlen(n->id) > REGISTRY_NAME_MAX || strlen(n->address) > REGISTRY_NAME_MAX)
            return error_set(err, ERROR_INVALID, "a node's id and address have at most %d bytes", REGISTRY_NAME_MAX);
    }
    return 0;
}

static bool replaced_by(const struct node *n, const void *arg)
{
    const Registry__Node *by = arg;
    return strcmp(n->message->address, by->address) == 0 && n->message->port == by->port &&
           strcmp(n->message->id, by->id) != 0;
}

/* A node nobody had. The caller has seen to the room in v->nodes. */
static bool add_node(struct registry_table *t, struct version *v, ProtobufCMessage *message, uint64_t expires)
{
    struct node *n = calloc(1, sizeof *n);
    if (!n || !due_put(&t->expiring, &n->due, expires)) {
        free(n);
        return false;
    }
    n->version = v;
    n->message = (Registry__Node *)(void *)message;
    v->nodes.items[v->nodes.count++] = n;
    return true;
}

/* One node put in or refreshed; *changed when a reader could tell. */
static int put_node(struct registry_table *t, struct registry_group *g, struct version *v, const Registry__Node *n,
                    uint64_t expires, bool *changed)
{
    struct node *old = find_node(v, n->id);
    if (old && pb_equal(&old->message->base, &n->base)) {
        due_move(&t->expiring, &old->due, expires);
        return 0;
    }
    if (!old && v->nodes.count >= REGISTRY_NODES_MAX)
        return ERROR_LIMIT;
    ProtobufCMessage *copy = copy_message(&n->base);
    if (!copy || !array_reserve(&v->nodes, v->nodes.count + 1) || (!old && !add_node(t, v, copy, expires))) {
        free_message(copy);
        return ERROR_MEMORY;
    }
    *changed = true;
    if (old) {
        free_message(&old->message->base);
        old->message = (Registry__Node *)(void *)copy;
        due_move(&t->expiring, &old->due, expires);
    }
    return remove_nodes(t, g, v, replaced_by, n);
}

static struct version *make_version(struct registry_table *t, struct registry_group *g,
                                    const Registry__Service *service)
{
    Registry__Service definition = definition_of(service);
    struct version *v = calloc(1, sizeof *v);
    ProtobufCMessage *copy = v ? copy_message(&definition.base) : NULL;
    if (!copy || !array_push(&g->versions, v)) {
        free_message(copy);
        free(v);
        return NULL;
    }
    v->group = g;
    v->definition = (Registry__Service *)(void *)copy;
    t->versions++;
    return v;
}

/* Endpoints and metadata follow what is registered last. */
static int refresh_definition(struct version *v, const Registry__Service *service, bool *changed)
{
    Registry__Service definition = definition_of(service);
    if (pb_equal(&definition.base, &v->definition->base))
        return 0;
    ProtobufCMessage *copy = copy_message(&definition.base);
    if (!copy)
        return ERROR_MEMORY;
    free_message(&v->definition->base);
    v->definition = (Registry__Service *)(void *)copy;
    *changed = true;
    return 0;
}

int registry_table_register(struct registry_table *t, const char *domain, const Registry__Service *service, int64_t ttl,
                            uint64_t now, struct error *err)
{
    int rc = check(domain, service, ttl, err);
    if (rc)
        return rc;
    uint64_t expires = ttl ? now + (uint64_t)ttl * (uint64_t)SECOND : UINT64_MAX;
    struct registry_group *g = make_group(t, domain, service->name);
    if (!g)
        return error_set(err, ERROR_MEMORY, "out of memory");
    struct version *v = find_version(g, service->version);
    bool created = v == NULL, changed = false;
    if (created && t->versions >= REGISTRY_VERSIONS_MAX) {
        drop_group_if_empty(t, g);
        return error_set(err, ERROR_LIMIT, "more than %d services", REGISTRY_VERSIONS_MAX);
    }
    if (created)
        v = make_version(t, g, service);
    else
        rc = refresh_definition(v, service, &changed);
    if (!v) {
        drop_group_if_empty(t, g);
        return error_set(err, ERROR_MEMORY, "out of memory");
    }
    for (size_t i = 0; rc == 0 && i < service->n_nodes; i++)
        rc = put_node(t, g, v, service->nodes[i], expires, &changed);
    if (v->nodes.count == 0)
        drop_version_if_empty(t, g, v);
    else if (created || changed)
        tell(t, created ? "create" : "update", g, v, NULL, 0);
    if (rc == ERROR_LIMIT)
        return error_set(err, rc, "service %s: more than %d nodes", service->name, REGISTRY_NODES_MAX);
    return rc ? error_set(err, rc, "out of memory") : 0;
}

static bool is_named(const struct node *n, const void *arg)
{
    const Registry__Service *s = arg;
    for (size_t i = 0; i < s->n_nodes; i++)
        if (strcmp(s->nodes[i]->id, n->message->id) == 0)
            return true;
    return s->n_nodes == 0;
}

int registry_table_deregister(struct registry_table *t, const char *domain, const Registry__Service *service,
                              struct error *err)
{
    if (!service->name[0])
        return error_set(err, ERROR_INVALID, "a service needs a name");
    struct registry_group *g = find_group(t, domain, service->name);
    struct version *v = g ? find_version(g, service->version) : NULL;
    if (!v)
        return 0;
    int rc = remove_nodes(t, g, v, is_named, service);
    if (rc)
        return error_set(err, rc, "out of memory");
    drop_version_if_empty(t, g, v);
    return 0;
}

static bool is_due(const struct node *n, const void *arg)
{
    const uint64_t *now = arg;
    return n->due.at <= *now;
}

uint64_t registry_table_expire(struct registry_table *t, uint64_t now)
{
    for (;;) {
        struct due_entry *first = due_first(&t->expiring);
        if (!first || first->at > now)
            return first ? first->at : UINT64_MAX;
        struct version *v = ((struct node *)first)->version;
        struct registry_group *g = v->group;
        if (remove_nodes(t, g, v, is_due, &now) != 0)
            return now + (uint64_t)SECOND; /* without memory: at the next look */
        drop_version_if_empty(t, g, v);
    }
}
