#include "chaos/fault/filter/filter.h"

#include "chaos/packet/networks.h"
#include "chaos/proxy/proxy.h"
#include "world/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_SIZE 64
#define PORTS_MAX 16
#define COUNTER   "hits"

struct filter {
    char table[NAME_SIZE];
    const struct world_network *network; /* NULL: the machine's */
    bool made;
};

static int nft(struct world *w, const struct world_network *n, const char *const *words, const char *input,
               struct text *output, struct error *err)
{
    const struct world_command c = {.argv = words, .network = n, .input = input != NULL ? bytes_of(input) : BYTES_NONE};
    int code = world_command_run(w, &c, output, err);
    return code == ERROR_NOT_FOUND
               ? error_set(err, ERROR_UNSUPPORTED, "nft is not installed (Debian's package nftables)")
               : code;
}

/* ---- the table ---- */

static void write_table(struct text *out, const char *table, const char *ports, const char *match, const char *verdict)
{
    text_printf(out,
                "table inet %s {\n"
                "  counter " COUNTER " { }\n"
                "  chain in {\n"
                "    type filter hook input priority -10; policy accept;\n"
                "    tcp dport { %s } %s counter name " COUNTER " %s\n"
                "  }\n"
                "}\n",
                table, ports, match, verdict);
}

/* All that is used, as one batch that the kernel looks at and does not carry out. */
static int try_nft(struct world *w, struct error *err)
{
    static bool tried;
    struct text rules = TEXT_INIT;
    if (tried)
        return 0;
    write_table(&rules, UNDO_PREFIX "try1", "1", "numgen random mod 1000000 < 1", "drop");
    write_table(&rules, UNDO_PREFIX "try2", "1", "", "reject with tcp reset");
    write_table(&rules, UNDO_PREFIX "try3", "1", "limit rate over 1/second burst 1 packets", "drop");
    const char *const words[] = {"nft", "--check", "--file", "-", NULL};
    int code = text_ok(&rules) ? nft(w, NULL, words, text_string(&rules), NULL, err)
                               : error_set(err, ERROR_MEMORY, "out of memory");
    text_deinit(&rules);
    tried = code == 0;
    return code;
}

int filter_possible(struct target *t, struct error *err)
{
    return try_nft(t->world, err);
}

static int port_of(const char *address)
{
    const char *scheme = strstr(address, "://"), *host = scheme != NULL ? scheme + 3 : address;
    const char *colon = strchr(host, ':');
    return colon != NULL ? atoi(colon + 1) : 0;
}

/* Where others connect to for it: behind its links, when there are any. */
static size_t find_ports(const struct target *t, const char *component, int out[PORTS_MAX])
{
    const struct target_component *c = target_find(t, component);
    const char *const doors[] = {c != NULL ? c->address : NULL, c != NULL ? c->http : NULL,
                                 c != NULL ? c->tcp.address : NULL};
    size_t count = 0;
    for (size_t i = 0; t->proxy != NULL && i < proxy_count(t->proxy); i++) {
        const struct proxy_link *l = proxy_link(t->proxy, i);
        int port = strcmp(proxy_link_to(l), component) == 0 ? port_of(proxy_link_reaches(l)) : 0;
        bool known = port == 0;
        for (size_t n = 0; n < count; n++)
            known = known || out[n] == port;
        if (!known && count < PORTS_MAX)
            out[count++] = port;
    }
    for (size_t i = 0; count == 0 && t->proxy == NULL && i < sizeof doors / sizeof doors[0]; i++)
        if (doors[i] != NULL && port_of(doors[i]) > 0)
            out[count++] = port_of(doors[i]);
    return count;
}

static void write_ports(const struct target *t, const char *component, struct text *out)
{
    int ports[PORTS_MAX];
    size_t count = find_ports(t, component, ports);
    for (size_t i = 0; i < count; i++)
        text_printf(out, "%s%d", i > 0 ? ", " : "", ports[i]);
}

int filter_inject(struct fault_injection *f, const char *match, const char *verdict, struct error *err)
{
    static unsigned number;
    struct target *t = f->target;
    struct world_foreign self;
    struct text ports = TEXT_INIT, rules = TEXT_INIT;
    struct filter *state = f->state = calloc(1, sizeof *state);
    int code = state != NULL ? machine_self(t->world, &self, err) : error_set(err, ERROR_MEMORY, "out of memory");
    if (code != 0)
        return code;
    state->network = t->packets != NULL ? packet_networks_of(t->packets, f->component) : NULL;
    snprintf(state->table, sizeof state->table, UNDO_PREFIX "%lld-%u", (long long)self.id, ++number);
    write_ports(t, f->component, &ports);
    write_table(&rules, state->table, text_string(&ports), match, verdict);
    const char *const words[] = {"nft", "--file", "-", NULL};
    if (!text_ok(&ports) || !text_ok(&rules))
        code = error_set(err, ERROR_MEMORY, "out of memory");
    else if (ports.len == 0)
        code = error_set(err, ERROR_UNSUPPORTED, "%s has no port that is known", f->component);
    if (code == 0 && state->network == NULL)
        code = fault_note(f, &(struct undo){.kind = UNDO_NFT_TABLE, .path = state->table}, err);
    if (code == 0)
        code = nft(t->world, state->network, words, text_string(&rules), NULL, err);
    state->made = code == 0;
    text_deinit(&rules);
    text_deinit(&ports);
    return code;
}

/* "packets 12 bytes 720", as the kernel has counted. */
int filter_verify(struct fault_injection *f, struct error *err)
{
    const struct filter *state = f->state;
    struct text counted = TEXT_INIT;
    if (state == NULL || !state->made)
        return 0;
    const char *const words[] = {"nft", "list", "counter", "inet", state->table, COUNTER, NULL};
    int code = nft(f->target->world, state->network, words, NULL, &counted, err);
    const char *at = code == 0 ? strstr(text_string(&counted), "packets ") : NULL;
    if (at != NULL)
        f->hits = strtoull(at + strlen("packets "), NULL, 10);
    else if (code == 0)
        code = error_set(err, ERROR_SYNTAX, "nft does not tell what it counted");
    text_deinit(&counted);
    return code;
}

int filter_heal(struct fault_injection *f, struct error *err)
{
    struct filter *state = f->state;
    int code = 0;
    if (state != NULL && state->made && state->network != NULL) {
        const char *const words[] = {"nft", "delete", "table", "inet", state->table, NULL};
        code = nft(f->target->world, state->network, words, NULL, NULL, err);
    } else {
        code = fault_undo(f, err);
    }
    if (code == 0) {
        free(state);
        f->state = NULL;
    }
    return code;
}
