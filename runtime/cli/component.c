/* micro service COMPONENT --help: what the component needs, serves, and takes as options. */
#include "runtime/cli/cli.h"

#include "runtime/component.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define OPTION_COLUMN 30

static const struct {
    const char *option, *help;
} common[] = {
    {"--data-dir DIR", "data directory of the whole runtime"},
    {"--run-dir DIR", "gets NAME.address and NAME.pid while it runs"},
    {"--host HOST", "address to listen on; 127.0.0.1 when absent"},
    {"--base-port PORT", "first port of the block; the component's own is above it"},
    {"--address HOST:PORT", "listen here instead"},
    {"--profile PROFILE", "what it stands on; local"},
    {"--peers NAME=HOST:PORT,...", "where other components are, when not above the base port"},
    {"--namespace NAME", "where it registers and looks for others; micro when absent"},
    {"--service-version VERSION", "the version it registers"},
    {"--proxy HOST:PORT", "call other services through it"},
};

static void add_list(struct text *out, const char *title, const char *const *words, const char *none)
{
    text_printf(out, "%-10s", title);
    for (size_t i = 0; words && words[i]; i++)
        text_printf(out, "%s%s", i ? ", " : "", words[i]);
    text_printf(out, "%s\n", words && words[0] ? "" : none);
}

static void add_own_title(const struct component *c, struct text *out)
{
    text_printf(out, "\nOptions of %s alone, in the environment MICRO_", c->name);
    for (const char *p = c->name; *p; p++)
        text_char(out, (char)toupper((unsigned char)*p));
    text_puts(out, "_OPTION:\n");
}

bool cli_component_help(const char *name, struct text *out)
{
    const struct component *c = component_find(name);
    if (!c) {
        for (const struct component *each = components; each->name; each++)
            text_printf(out, "%s%s", each == components ? "" : ", ", each->name);
        for (const struct component *each = components_on_demand; each->name; each++)
            text_printf(out, ", %s", each->name);
        return false;
    }
    text_printf(out, "Run the component %s in this process.\n\nUsage: micro service %s [OPTION VALUE]...\n\n", name,
                name);
    if (c->port_offset > 0)
        text_printf(out, "%-10s%d above the base port\n", "Port:", c->port_offset);
    else
        text_printf(out, "%-10s%s\n", "Port:", c->user ? "any free one" : "the base port");
    add_list(out, "Needs:", c->needs, "no other");
    add_list(out, "Serves:", c->services, "nothing by gRPC");
    text_puts(out, "\nOptions:\n");
    for (size_t i = 0; i < sizeof common / sizeof common[0]; i++)
        text_printf(out, "  %-*s%s\n", OPTION_COLUMN, common[i].option, common[i].help);
    if (c->options && c->options[0])
        add_own_title(c, out);
    for (const char *const *o = c->options; o && *o; o++)
        text_printf(out, "  --%s\n", *o);
    text_puts(out,
              "\nEach is in the environment too, as MICRO_OPTION: --data-dir is MICRO_DATA_DIR. Keys and tokens are\n"
              "better there than on a command line: MICRO_AUTH_PUBLIC_KEY, MICRO_AUTH_PRIVATE_KEY, MICRO_TOKEN.\n");
    return true;
}
