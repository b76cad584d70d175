package document

import "strings"

// notBuilt are documents that carry Amazon's names, that everybody knows, and that are not written for Postern yet. Any
// other name that is not found does not exist.
var notBuilt = func() map[string]bool {
	names := map[string]bool{}
	for family, rest := range map[string]string{
		// Run Command and State Manager.
		"AWS-": `ApplyAnsiblePlaybooks ApplyChefRecipes ApplyDSCMofs ApplyPatchBaseline ConfigureAWSPackage
			ConfigureCloudWatch
			ConfigureDocker ConfigureKernelLivePatching ConfigureWindowsUpdate FindWindowsUpdates GatherSoftwareInventory
			InstallApplication InstallMissingWindowsUpdates InstallPowerShellModule InstallSpecificWindowsUpdates
			InstallWindowsUpdates JoinDirectoryServiceDomain ListWindowsInventory RefreshAssociation RunAnsiblePlaybook
			RunDockerAction RunInspecChecks RunPatchBaseline RunPatchBaselineAssociation
			RunPatchBaselineWithHooks RunPowerShellScript RunSaltState UpdateEC2Config
			PasswordReset StartInteractiveCommand StartNonInteractiveCommand StartPortForwardingSession
			StartPortForwardingSessionToRemoteHost StartPortForwardingSessionToSocket StartSSHSession
			ASGEnterStandby ASGExitStandby AttachEBSVolume AttachIAMToInstance CopySnapshot CreateImage
			CreateManagedLinuxInstance CreateManagedWindowsInstance CreateSnapshot DeleteImage DeleteSnapshot
			DetachEBSVolume PatchAsgInstance PatchInstanceWithRollback ResizeInstance RestartEC2Instance SetupInventory
			SetupManagedInstance SetupManagedRoleOnEc2Instance StartEC2Instance StopEC2Instance TerminateEC2Instance
			UpdateLinuxAmi UpdateWindowsAmi`,
		"AWSEC2-": `ApplicationInsightsCloudwatchAgentInstallAndConfigure ConfigureSTIG CreateVssSnapshot ManageVssIO
			RunSysprep VssInstallAndSnapshot`,
		"AWSSupport-": `CollectEKSInstanceLogs ExecuteEC2Rescue GrantPermissionsToIAMUser ManageRDPSettings
			ManageWindowsService
			ResetAccess RunEC2RescueForWindowsTool SetupIPMonitoringFromVPC StartEC2RescueWorkflow TroubleshootManagedInstance
			TroubleshootRDP TroubleshootSessionManager TroubleshootSSH UpgradeWindowsAWSDrivers`,
		"AmazonCloudWatch-": "ManageAgent MigrateCloudWatchAgent",
		"AmazonInspector-":  "ManageAWSAgent",
		"SSM-":              "SessionManagerRunShell",
	} {
		for _, name := range strings.Fields(rest) {
			names[family+name] = true
		}
	}
	return names
}()

// IsNotBuilt reports whether a name is that of one of Amazon's documents which Postern does not have yet.
func IsNotBuilt(name string) bool { return notBuilt[name] }
