/* The RSA key pair of simulated runs: fixed, so that tokens are the same in every run of a seed. It signs nothing
 * outside a simulation and guards nothing. */
#ifndef HARROW_SIM_KEYS_H
#define HARROW_SIM_KEYS_H

extern const char sim_private_key[], sim_public_key[];

#endif
