/* The files of a new service: what `micro new` writes. @name@ is the service's name, @snake@ it as an identifier,
 * @camel@ as a type, @upper@ as a macro. Data only. */
#ifndef RUNTIME_CLI_TEMPLATE_H
#define RUNTIME_CLI_TEMPLATE_H

struct template_file {
    const char *path; /* may hold the names as well */
    const char *text;
};
/* In the order of their names; ends with path == NULL. */
extern const struct template_file template_files[];

#endif
