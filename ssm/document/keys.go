package document

import (
	"maps"
	"slices"
	"strings"
)

// Check reads a document that somebody writes, and refuses beside what Parse refuses every key and action that no agent
// knows, with its path: a key that is passed over may be the one that keeps a value from being run as code. Parse stays
// tolerant, because an agent must read documents that are newer than itself.
func Check(text []byte, format Format) (*Document, error) {
	d, root, err := parse(text, format)
	if err != nil {
		return nil, err
	}
	if err := d.checkKeys(root); err != nil {
		return nil, err
	}
	return d, nil
}

// The keys of a document's objects, as the page "Data elements and parameters" of the Systems Manager user guide has
// them for command documents.
var (
	rootKeys      = []string{"schemaVersion", "description", "parameters"}
	parameterKeys = []string{
		"type", "description", "default", "allowedValues", "allowedPattern", "displayType",
		"minItems", "maxItems", "minChars", "maxChars", "interpolationType",
	}
	stepKeys   = []string{"action", "name", "inputs", "precondition"}
	pluginKeys = []string{"properties", "settings", "description"}
	// flowKeys may stand in the inputs of every action.
	flowKeys = []string{"onFailure", "onSuccess", "finallyStep"}
	// setKeys may stand in every property set of schema 1.2.
	setKeys = []string{"id", "description"}
)

var scriptInputs = []string{"runCommand", "timeoutSeconds", "workingDirectory"}

// actions has the plugins of the page "Command document plugin reference", each with its inputs.
var actions = map[string][]string{
	"aws:applications":     {"action", "parameters", "source", "sourceHash"},
	"aws:cloudWatch":       {"settings", "properties"},
	"aws:configureDocker":  {"action"},
	"aws:configurePackage": {"name", "action", "installationType", "version", "additionalArguments", "repository"},
	"aws:domainJoin": {
		"directoryId", "directoryName", "directoryOU", "dnsIpAddresses", "hostname", "keepHostName",
	},
	"aws:downloadContent":    {"sourceType", "sourceInfo", "destinationPath"},
	"aws:psModule":           {"runCommand", "source", "sourceHash", "timeoutSeconds", "workingDirectory"},
	"aws:refreshAssociation": {"associationIds"},
	"aws:runDockerAction": {
		"action", "container", "image", "memory", "cpuShares", "volume", "cmd", "env", "user", "publish",
		"timeoutSeconds", "workingDirectory",
	},
	"aws:runDocument":         {"documentType", "documentPath", "documentParameters"},
	"aws:runPowerShellScript": scriptInputs,
	"aws:runShellScript":      scriptInputs,
	"aws:softwareInventory": {
		"applications", "awsComponents", "billingInfo", "customInventory", "customInventoryDirectory", "files",
		"instanceDetailedInformation", "networkConfig", "services", "windowsRegistry", "windowsRoles", "windowsUpdates",
	},
	"aws:updateAgent":    {"agentName", "source", "allowDowngrade", "targetVersion"},
	"aws:updateSsmAgent": {"agentName", "source", "allowDowngrade", "targetVersion"},
}

func (d *Document) checkKeys(root map[string]any) error {
	steps := "mainSteps"
	if d.SchemaVersion == "1.2" {
		steps = "runtimeConfig"
	}
	if err := known("", root, rootKeys, []string{steps}); err != nil {
		return err
	}
	if parameters, ok := root["parameters"].(map[string]any); ok {
		for _, name := range slices.Sorted(maps.Keys(parameters)) {
			if err := known("parameters."+name, parameters[name], parameterKeys); err != nil {
				return err
			}
		}
	}
	if d.SchemaVersion == "1.2" {
		return checkPlugins(root["runtimeConfig"].(map[string]any))
	}
	for i, node := range root["mainSteps"].([]any) {
		if err := checkStep(index("mainSteps", i), node.(map[string]any)); err != nil {
			return err
		}
	}
	return nil
}

func checkStep(path string, step map[string]any) error {
	if err := known(path, step, stepKeys); err != nil {
		return err
	}
	inputs, err := inputsOf(path+".action", step["action"].(string))
	if err != nil {
		return err
	}
	return known(path+".inputs", step["inputs"], inputs, flowKeys)
}

func checkPlugins(config map[string]any) error {
	for _, action := range slices.Sorted(maps.Keys(config)) {
		path := "runtimeConfig." + action
		inputs, err := inputsOf(path, action)
		if err != nil {
			return err
		}
		plugin := config[action].(map[string]any)
		if err := known(path, plugin, pluginKeys); err != nil {
			return err
		}
		sets, ok := plugin["properties"].([]any)
		if !ok {
			sets = []any{plugin["properties"]}
		}
		for i, set := range sets {
			if err := known(index(path+".properties", i), set, inputs, setKeys); err != nil {
				return err
			}
		}
	}
	return nil
}

func inputsOf(path, action string) ([]string, error) {
	inputs, ok := actions[action]
	if !ok {
		return nil, badContent("%s: no agent knows the action %q; the actions are %s",
			path, action, strings.Join(slices.Sorted(maps.Keys(actions)), ", "))
	}
	return inputs, nil
}

// known refuses a key of an object that is in none of the lists.
func known(path string, node any, lists ...[]string) error {
	m, _ := node.(map[string]any)
	all := slices.Concat(lists...)
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if slices.Contains(all, key) {
			continue
		}
		slices.Sort(all)
		where := key
		if path != "" {
			where = path + "." + key
		}
		return badContent("%s: there is no such key; the keys here are %s", where, strings.Join(all, ", "))
	}
	return nil
}
