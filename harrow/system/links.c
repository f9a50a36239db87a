#include "harrow/system/links.h"

#include "chaos/proxy/proxy.h"

#include <string.h>

#define PORT_FIRST 10000 /* below the drivers' own blocks, and the ports Linux hands out */
#define PORT_LAST  19999
#define PORT_TRIES 100

static int out_of_memory(struct error *err)
{
    return error_set(err, ERROR_MEMORY, "out of memory");
}

/* How `from` is told where the link is. */
static const char *link_place(struct arena *arena, const char *host, const struct proxy_link *l)
{
    const char *colon = strrchr(proxy_link_address(l), ':');
    return arena_printf(arena, "%s%s", host, colon != NULL ? colon : "");
}

static int add(struct system *s, const char *from, const char *to, const char *address, bool fixed,
               struct proxy_link **out, struct error *err)
{
    for (int i = 0; fixed && i < PORT_TRIES; i++) {
        uint64_t lot = 0;
        char listen[32];
        if (world_entropy(s->run->world, &lot, sizeof lot) != 0)
            break;
        snprintf(listen, sizeof listen, "127.0.0.1:%d", PORT_FIRST + (int)(lot % (PORT_LAST - PORT_FIRST + 1)));
        int code = proxy_add(s->target.proxy, from, to, address, listen, out, NULL);
        if (code != ERROR_IN_USE && code != ERROR_DENIED)
            return code != 0 ? error_set(err, code, "a link from %s to %s: %s", from, to, error_code_name(code)) : 0;
    }
    return proxy_add(s->target.proxy, from, to, address, "127.0.0.1:0", out, err);
}

/* From the harness to one door; the door's address becomes the link's. */
static int add_own(struct system *s, const char *host, bool fixed, const char *to, const char *prefix,
                   const char **address, struct error *err)
{
    struct proxy_link *l;
    const char *door = *address + strlen(prefix);
    size_t len = strcspn(door, "/");
    const char *rest = door + len, *plain = arena_string_n(&s->arena, door, len);
    if (plain == NULL)
        return out_of_memory(err);
    int code = add(s, PROXY_CLIENT, to, plain, fixed, &l, err);
    if (code != 0)
        return code;
    const char *place = link_place(&s->arena, host, l);
    const char *linked = place != NULL ? arena_printf(&s->arena, "%s%s%s", prefix, place, rest) : NULL;
    if (linked == NULL)
        return out_of_memory(err);
    *address = linked;
    return 0;
}

static bool wanted(const struct system *s, enum manifest_links kind, const char *from, const char *to)
{
    if (strcmp(from, to) == 0 || kind == MANIFEST_LINKS_NONE)
        return false;
    return kind == MANIFEST_LINKS_ALL || manifest_names_via(manifest_find(s->manifest, from), to);
}

const char *links_folder(struct system *s, const char *component)
{
    return arena_printf(&s->arena, "%s/peers/%s", s->folder, component);
}

static const char *socket_address(struct system *s, const char *component, const struct manifest_component *to)
{
    const char *folder = links_folder(s, component);
    return folder != NULL ? arena_printf(&s->arena, "unix:%s/%s", folder, to->socket) : NULL;
}

static int links_new(struct system *s, struct error *err)
{
    if (s->target.proxy == NULL)
        s->target.proxy = proxy_new(s->target.world);
    return s->target.proxy != NULL ? 0 : out_of_memory(err);
}

int links_start_sockets(struct system *s, struct error *err)
{
    int code = links_new(s, err);
    for (size_t i = 0; code == 0 && i < s->manifest->component_count; i++) {
        const struct manifest_component *to = &s->manifest->components[i];
        for (size_t n = 0; code == 0 && to->socket != NULL && n < s->manifest->component_count; n++) {
            const char *from = s->manifest->components[n].name;
            struct proxy_link *l;
            if (n == i)
                continue;
            const char *true_one = socket_address(s, to->name, to), *listen = socket_address(s, from, to);
            if (true_one == NULL || listen == NULL)
                return out_of_memory(err);
            code = proxy_add(s->target.proxy, from, to->name, true_one, listen, &l, err);
            if (code != 0)
                error_wrap(err, "a link from %s to %s", from, to->name);
        }
    }
    return code;
}

int links_start(struct system *s, const char *host, enum manifest_links kind, bool fixed, struct error *err)
{
    static const char http[] = "http://";
    struct proxy_link *l;
    int code = links_new(s, err);
    s->links_host = host;
    for (size_t to = 0; code == 0 && to < s->target.component_count; to++) {
        struct target_component *c = &s->components[to];
        const char *door = c->address != NULL ? c->address : c->tcp.address;
        for (size_t from = 0; code == 0 && door != NULL && from < s->target.component_count; from++)
            if (wanted(s, kind, s->components[from].name, c->name))
                code = add(s, s->components[from].name, c->name, door, fixed, &l, err);
        if (code == 0 && c->address != NULL)
            code = add_own(s, host, fixed, c->name, "", &c->address, err);
        if (code == 0 && c->tcp.address != NULL)
            code = add_own(s, host, fixed, c->name, "", &c->tcp.address, err);
        if (code != 0 || c->http == NULL || strncmp(c->http, http, strlen(http)) != 0)
            continue;
        bool gateway = s->target.gateway != NULL && strcmp(s->target.gateway, c->http) == 0;
        code = add_own(s, host, fixed, c->name, http, &c->http, err);
        if (gateway)
            s->target.gateway = c->http;
    }
    return code;
}

static const struct proxy_link *find(const struct system *s, const char *from, const char *to)
{
    for (size_t i = 0; s->target.proxy != NULL && i < proxy_count(s->target.proxy); i++) {
        const struct proxy_link *l = proxy_link(s->target.proxy, i);
        bool socket = strncmp(proxy_link_address(l), "unix:", 5) == 0; /* which nobody is told of */
        if (!socket && strcmp(proxy_link_from(l), from) == 0 && strcmp(proxy_link_to(l), to) == 0)
            return l;
    }
    return NULL;
}

const char *links_peers(struct system *s, const char *component)
{
    struct text list = TEXT_INIT;
    for (size_t i = 0; i < s->target.component_count; i++) {
        const char *name = s->components[i].name;
        const struct proxy_link *l = find(s, component, name);
        const char *place = l != NULL ? link_place(&s->arena, s->links_host, l) : NULL;
        if (place != NULL)
            text_printf(&list, "%s%s=%s", list.len > 0 ? "," : "", name, place);
        else if (l != NULL)
            list.failed = true;
    }
    const char *copy = text_ok(&list) ? arena_string(&s->arena, text_string(&list)) : NULL;
    text_deinit(&list);
    return copy;
}

/* What a list "NAME=ADDRESS,..." says of the name, or nothing. */
static struct bytes listed(const char *list, const char *name)
{
    size_t len = strlen(name);
    while (list != NULL && *list != '\0') {
        size_t entry = strcspn(list, ",");
        if (entry > len && memcmp(list, name, len) == 0 && list[len] == '=')
            return BYTES(list + len + 1, entry - len - 1);
        list += entry + (list[entry] == ',');
    }
    return BYTES_NONE;
}

int links_via(void *arg, const char *name, struct arena *arena, const char **out, struct error *err)
{
    struct links_self *self = arg;
    struct system *s = self->system;
    const struct manifest_component *c = manifest_find(s->manifest, name);
    struct bytes elsewhere = listed(self->peers, name);
    const struct proxy_link *l = find(s, self->component, name);
    const char *address = c == NULL ? NULL : c->address != NULL ? c->address : c->tcp.address;
    if (c == NULL || (address == NULL && elsewhere.data == NULL))
        return error_set(err, ERROR_INVALID, "${via.%s}: there is no component \"%s\" with an \"address\"", name, name);
    if (elsewhere.data != NULL)
        *out = arena_string_n(arena, (const char *)elsewhere.data, elsewhere.len);
    else if (l != NULL)
        *out = link_place(arena, s->links_host, l);
    else {
        struct manifest_values values = s->values;
        values.via = NULL;
        return manifest_expand(address, &values, arena, out, err);
    }
    return *out != NULL ? 0 : out_of_memory(err);
}
