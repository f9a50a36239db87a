/* Flags of a service's endpoint, from the schema it registered, and the request they make.
 *
 * A schema is the registry's Value: {"name","type","values":[...]}; the flags are its leaves, nested names joined by
 * "-": {"user": {"first_name"}} is --user-first-name; "-", "_" and "." are the same in a flag. Types as v3's registry
 * writes them: string, bool, int32, int64, uint32, uint64, float32, float64, []byte (text, sent as base64), []TYPE
 * (joined by commas, given several times, or a JSON array), map[K]V (key=value joined by commas, or a JSON object). A
 * message may be given whole, as JSON, under its own name.
 *
 * Forms: --name=value, --name value, --flag and --flag=false for a bool. The schema comes from outside and may be
 * anything: what does not fit is passed over, FLAGS_DEPTH_MAX levels and FLAGS_MAX flags are looked at. */
#ifndef RUNTIME_CLI_FLAGS_H
#define RUNTIME_CLI_FLAGS_H

#include "base/error.h"
#include "base/text.h"

#include <jansson.h>

#define FLAGS_DEPTH_MAX 8
#define FLAGS_MAX       512
#define FLAGS_NAME_MAX  256 /* bytes of a flag's name, dashes not counted */

/* The request as a JSON object the caller owns; a value that does not fit its type, or a flag there is none of, is an
 * error that names it, and the nearest one there is. */
int flags_request(const json_t *schema, int argc, const char *const *argv, json_t **out, struct error *err);
/* Every flag in the schema's order: "user-first-name", "string". */
void flags_each(const json_t *schema, void (*each)(void *arg, const char *name, const char *type), void *arg);

#endif
