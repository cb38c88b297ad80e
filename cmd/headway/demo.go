package main

import "github.com/spf13/cobra"

func demoCommand(*settings) *cobra.Command  { return &cobra.Command{Use: "demo"} }
func benchCommand(*settings) *cobra.Command { return &cobra.Command{Use: "bench"} }
