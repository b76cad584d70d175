// Package compute holds the instances that run on this host, and the images that they are made from.
//
//	  Launch                 Stop                    Start
//	    │                      │                       │
//	    ▼                      ▼                       ▼
//	pending ──booted──▶ running ──▶ stopping ──▶ stopped ──▶ pending
//	    │                  │ │ ▲                    │
//	    │                  │ └─┘ Reboot             │
//	    └─── Terminate ────┴────────┬───────────────┘
//	                                ▼
//	                         shutting-down ──▶ terminated ──an hour──▶ forgotten
//
// An instance is a guest (package guest): Linux namespaces with one network interface. Its record says what is wanted
// of it; a server that starts again boots what its records call pending or running, and finishes what was stopping.
package compute
