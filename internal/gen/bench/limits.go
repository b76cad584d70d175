package main

// limits are what limits each figure, as profiles of it show.
var limits = map[string]string{
	"tun": "", "wireguard": "", "established": "", "flow": "", "pipeline": "", "command": "", "start": "", "idle": "", "size": "",
	"agent": "", "memory": "", "idle nodes": "", "all": "", "restart": "", "tunnel memory": "",
}
