/* Requests in which a google.protobuf.FieldMask is written as the message it is, {"paths": ["name", "address.city"]},
 * where JSON has a text, "name,address.city". */
#ifndef E2E_STEP_MASKS_H
#define E2E_STEP_MASKS_H

#include "wire/pb.h"

#include <jansson.h>

/* Puts texts in the place of such objects, below singular fields and in lists of messages; whether there were any.
 * Paths are as JSON has them (lowerCamelCase), or as the contract writes them. */
bool masks_to_texts(const struct pb_type *type, json_t *request);

#endif
